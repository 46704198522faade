using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>Reads the tensors that belong to a quantised weight, and says which is missing or does not fit.</summary>
internal static unsafe class Companions
{
    /// <summary>A tensor's bytes as they are; checks how many there are where <paramref name="length"/> is given.</summary>
    public static WeightMemory Raw(IWeightSource source, string name, long? length = null)
    {
        using var scope = NewDisposeScope();
        var memory = WeightMemory.Of(Get(source, name), source);
        if (length is { } expected && memory.Length != expected)
        {
            memory.Dispose();
            throw Misfit(source, name, $"{memory.Length} bytes", $"{expected} bytes");
        }
        return memory;
    }

    /// <summary>A tensor of any float dtype as a float32 copy; checks how many numbers there are where <paramref name="count"/> is given.</summary>
    public static float[] Numbers(IWeightSource source, string name, long? count = null)
    {
        using var scope = NewDisposeScope();
        var tensor = Get(source, name);
        if (count is { } expected && tensor.NumberOfElements != expected) throw Misfit(source, name, $"{tensor.NumberOfElements} numbers", $"{expected}");
        float[] numbers = tensor.to(ScalarType.Float32).contiguous().data<float>().ToArray();
        source.Release(name); // copied
        return numbers;
    }

    /// <summary>A matrix of 32-bit integers.</summary>
    public static int[] Integers(IWeightSource source, string name, params long[] shape)
    {
        using var scope = NewDisposeScope();
        var tensor = Get(source, name);
        if (!tensor.shape.SequenceEqual(shape) || source.DType(name) != "I32") throw Misfit(source, name, $"{source.DType(name)} {Shape(tensor.shape)}", $"I32 {Shape(shape)}");
        int[] numbers = tensor.contiguous().data<int>().ToArray();
        source.Release(name); // copied
        return numbers;
    }

    /// <summary>A text that is stored as a tensor of bytes.</summary>
    public static string Text(IWeightSource source, string name)
    {
        using var memory = Raw(source, name);
        return Encoding.UTF8.GetString(memory.Start, checked((int)memory.Length));
    }

    /// <summary>`X` of `X.weight`: what companions beside the parameter are called after.</summary>
    public static string Layer(string name) => name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^".weight".Length] : name;

    public static string Shape(long[] sizes) => $"[{string.Join(", ", sizes)}]";

    public static BadInputException Misfit(IWeightSource source, string name, string got, string expected)
        => new("a part of a quantised weight does not fit it", got, $"{source.Path}: {name}", expected, "The checkpoint is damaged, or of a form that is not known here.");

    private static Tensor Get(IWeightSource source, string name)
        => source.Shape(name) is not null ? source.Get(name) : throw new BadInputException("a part of a quantised weight is missing", name, source.Path);
}
