using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>The non-linearities of feed-forward parts.</summary>
public enum Activation
{
    /// <summary>x·sigmoid(x).</summary>
    Silu,
    /// <summary>x·Φ(x), with the error function.</summary>
    Gelu,
    /// <summary>The tanh approximation of <see cref="Gelu"/>.</summary>
    GeluTanh,
    /// <summary>max(x, 0).</summary>
    Relu,
}

/// <summary>Names and computation of <see cref="Activation"/>.</summary>
public static class Activations
{
    private static readonly Dictionary<string, Activation> ByName = new(StringComparer.Ordinal)
    {
        ["silu"] = Activation.Silu, ["swish"] = Activation.Silu, ["gelu"] = Activation.Gelu, ["relu"] = Activation.Relu,
        ["gelu_new"] = Activation.GeluTanh, ["gelu_pytorch_tanh"] = Activation.GeluTanh, ["gelu_fast"] = Activation.GeluTanh,
    };

    /// <summary>The names a config.json may give.</summary>
    public static IEnumerable<string> Names => ByName.Keys;

    /// <summary>The activation that Transformers calls <paramref name="name"/>; null where it is unknown here.</summary>
    public static Activation? Find(string name) => ByName.TryGetValue(name, out var a) ? a : null;

    /// <summary>Applies it elementwise.</summary>
    public static Tensor Apply(this Activation activation, Tensor x)
        => x is null ? throw new ArgumentNullException(nameof(x)) : activation switch
        {
            Activation.Silu => nn.functional.silu(x),
            Activation.Gelu => nn.functional.gelu(x),
            Activation.GeluTanh => nn.functional.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh),
            Activation.Relu => nn.functional.relu(x),
            _ => throw new ArgumentOutOfRangeException(nameof(activation)),
        };
}
