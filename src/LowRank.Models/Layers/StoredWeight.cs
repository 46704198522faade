using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>
/// A weight as stored. A parameter has a copy in the compute dtype: made at first use, only where the two differ, never of a trainable one. A quantised matrix has
/// none: it is expanded anew for whoever asks, and the expansion belongs to the asker's dispose scope.
/// </summary>
internal sealed class StoredWeight : IDisposable
{
    private readonly ScalarType _computeDType;
    private Parameter? _parameter;
    private bool _direct;
    private Tensor? _copy;

    public StoredWeight(Parameter parameter, ScalarType computeDType)
        => (_parameter, _computeDType, _direct) = (parameter, computeDType, parameter.dtype == computeDType);

    public StoredWeight(QuantizedWeight quantized, ScalarType computeDType) => (Quantized, _computeDType) = (quantized, computeDType);

    /// <summary>The blocks; null where the weight is stored plainly.</summary>
    public QuantizedWeight? Quantized { get; private set; }

    /// <summary>The stored parameter; of a quantised matrix its float32 values, new at each call.</summary>
    public Parameter Parameter => _parameter ?? new Parameter(Quantized!.Dequantize(ScalarType.Float32), requires_grad: false);

    /// <summary>What is stored, to tell whether two are one.</summary>
    public object Identity => (object?)Quantized ?? _parameter!;

    /// <summary>How many numbers it has.</summary>
    public long Elements => Quantized is { } q ? q.Rows * q.Columns : _parameter!.NumberOfElements;

    /// <summary>Bytes it takes as stored.</summary>
    public long Bytes => Quantized?.Bytes ?? _parameter!.NumberOfElements * _parameter.ElementSize;

    /// <summary>The size of a dimension.</summary>
    public long Size(int dimension) => Quantized is { } q ? dimension == 0 ? q.Rows : q.Columns : _parameter!.size(dimension);

    /// <summary>The values to compute with; of a trainable parameter a cast in the graph, of a quantised matrix a new tensor on the CPU.</summary>
    public Tensor Compute()
    {
        if (_parameter is null) return Quantized!.Dequantize(_computeDType);
        if (_direct) return _parameter;
        if (_parameter.requires_grad) return _parameter.to(_computeDType);
        return _copy ??= Copy(_parameter);
    }

    /// <summary>Puts a parameter in place, drops the copy, returns the parameter that was there; null where a quantised matrix was, which the caller has asked for before.</summary>
    public Parameter? Replace(Parameter parameter)
    {
        long[] shape = Quantized is { } q ? [q.Rows, q.Columns] : _parameter!.shape;
        Check(parameter.shape, shape);
        var old = _parameter;
        parameter.DetachFromDisposeScope();
        (_parameter, Quantized, _direct) = (parameter, null, parameter.dtype == _computeDType);
        Forget();
        return old;
    }

    /// <summary>The same with a quantised matrix.</summary>
    public Parameter? Replace(QuantizedWeight quantized)
    {
        long[] shape = Quantized is { } q ? [q.Rows, q.Columns] : _parameter!.shape;
        Check([quantized.Rows, quantized.Columns], shape);
        var old = _parameter;
        (_parameter, Quantized) = (null, quantized);
        Forget();
        return old;
    }

    public void Dispose()
    {
        Forget();
        _parameter?.Dispose();
        Quantized?.Dispose();
    }

    private static void Check(long[] shape, long[] expected)
    {
        if (!shape.AsSpan().SequenceEqual(expected))
            throw new ArgumentException($"the replacement's shape [{string.Join(", ", shape)}] is not the weight's [{string.Join(", ", expected)}]");
    }

    private void Forget()
    {
        _copy?.Dispose();
        _copy = null;
    }

    private Tensor Copy(Parameter parameter)
    {
        using var normal = inference_mode(false); // a copy born in inference mode could never be used in training
        using var plain = no_grad();
        return parameter.to(_computeDType).DetachFromDisposeScope();
    }
}
