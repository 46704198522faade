using static TorchSharp.torch;

namespace LowRank.Tensors;

/// <summary>Named tensors of a model on disk: a safetensors file, a sharded folder, a GGUF file. Names are Hugging Face's.</summary>
public interface IWeightSource : IDisposable
{
    /// <summary>Where the weights come from, for messages.</summary>
    string Path { get; }
    /// <summary>All names, in file order.</summary>
    IReadOnlyCollection<string> Names { get; }
    /// <summary>The shape of a tensor; null where the name is absent.</summary>
    long[]? Shape(string name);
    /// <summary>The dtype's name as the format spells it (F32, BF16, Q4_1, ...).</summary>
    string DType(string name);
    /// <summary>Bytes the tensor takes in the file.</summary>
    long ByteLength(string name);
    /// <summary>The tensor: a read-only view of the file where its dtype allows (valid while this source lives), else a new float32 tensor. Registered in the current dispose scope.</summary>
    Tensor Get(string name);
    /// <summary>The matrix in the blocks of few bits that it is stored in, a view of the file valid while this source lives; null where it is stored plainly.</summary>
    QuantizedWeight? Quantized(string name) => null;
    /// <summary>Lets go of the memory that reading a tensor has filled; its views stay valid and are read from the file again.</summary>
    void Release(string name) { }
}
