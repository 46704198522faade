namespace LowRank.Text.Normalizers;

/// <summary>Changes a text before it is cut, keeping where each character came from.</summary>
internal interface INormalizer
{
    /// <summary>The changed text; the very part given where nothing changes.</summary>
    Slice Normalize(Slice part);
}

/// <summary>Several normalizers, one after the other; none at all is allowed.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<INormalizer> steps) : INormalizer
{
    /// <inheritdoc/>
    public Slice Normalize(Slice part) => steps.Aggregate(part, (current, step) => step.Normalize(current));
}
