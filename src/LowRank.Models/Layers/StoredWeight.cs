using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>A parameter as stored, and its copy in the compute dtype: made at first use, only where the two differ, never of a trainable one.</summary>
internal sealed class StoredWeight(Parameter parameter, ScalarType computeDType) : IDisposable
{
    private Parameter _parameter = parameter;
    private bool _direct = parameter.dtype == computeDType;
    private Tensor? _copy;

    public Parameter Parameter => _parameter;

    /// <summary>The values to compute with; of a trainable parameter a cast in the graph.</summary>
    public Tensor Compute()
    {
        if (_direct) return _parameter;
        if (_parameter.requires_grad) return _parameter.to(computeDType);
        return _copy ??= Copy();
    }

    /// <summary>Puts another parameter in place, drops the copy, returns the old one.</summary>
    public Parameter Replace(Parameter parameter)
    {
        if (!parameter.shape.AsSpan().SequenceEqual(_parameter.shape))
            throw new ArgumentException($"the replacement's shape [{string.Join(", ", parameter.shape)}] is not the weight's [{string.Join(", ", _parameter.shape)}]", nameof(parameter));
        var old = _parameter;
        parameter.DetachFromDisposeScope();
        (_parameter, _direct) = (parameter, parameter.dtype == computeDType);
        _copy?.Dispose();
        _copy = null;
        return old;
    }

    public void Dispose()
    {
        _copy?.Dispose();
        _parameter.Dispose();
    }

    private Tensor Copy()
    {
        using var normal = inference_mode(false); // a copy born in inference mode could never be used in training
        using var plain = no_grad();
        return _parameter.to(computeDType).DetachFromDisposeScope();
    }
}
