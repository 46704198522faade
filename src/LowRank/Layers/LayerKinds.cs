using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>The table of layer kinds that low-rank adapters know; a new kind is a file and a row here.</summary>
public static class LayerKinds
{
    /// <summary>The layer of a module; null where its kind is none of the table's.</summary>
    public static BaseLayer? Of(string name, nn.Module module)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(module);
        return module switch
        {
            Linear linear => new TorchLinear(name, linear),
            Embedding embedding => new EmbeddingTable(name, embedding),
            Conv1d conv => new ConvolutionLayer(name, conv, 1),
            Conv2d conv => new ConvolutionLayer(name, conv, 2),
            Conv3d conv => new ConvolutionLayer(name, conv, 3),
            nn.Module<Tensor, Tensor> own and ILinearLayer => new ProjectionLayer(name, own),
            nn.Module<Tensor, Tensor> own and IEmbeddingLayer table => new EmbeddingTable(name, own, table),
            _ => null,
        };
    }

    /// <summary>The blocks of a module's weight, where it is quantised; else null.</summary>
    internal static QuantizedWeight? BlocksOf(nn.Module module) => (module as ILinearLayer)?.Quantized ?? (module as IEmbeddingLayer)?.Quantized;

    /// <summary>The dtype that a module of our own computes in, which need not be the one its weights are stored in; null: a module of torch's, which computes in theirs.</summary>
    internal static ScalarType? ComputeDTypeOf(nn.Module module) => (module as ILinearLayer)?.ComputeDType ?? (module as IEmbeddingLayer)?.ComputeDType ?? (module as IFunctional)?.ComputeDType;

    /// <summary>The kinds, for messages.</summary>
    public const string Known = "Linear, Embedding, Conv1d, Conv2d, Conv3d, and modules that are an ILinearLayer or IEmbeddingLayer";
}
