using System.Collections.Concurrent;

namespace LowRank.Text;

/// <summary>Encoders that threads borrow: one thread alone gets the same again and again, with the words it knows.</summary>
internal sealed class TextEncoderPool(Func<TextEncoder> make)
{
    private static readonly int Most = Environment.ProcessorCount;
    private readonly ConcurrentStack<TextEncoder> _others = new();
    private TextEncoder? _first;

    /// <summary>Takes an encoder out, or makes one.</summary>
    public TextEncoder Take() => Interlocked.Exchange(ref _first, null) ?? (_others.TryPop(out var encoder) ? encoder : make());

    /// <summary>Gives one back; after a very long text it is let go.</summary>
    public void Return(TextEncoder encoder)
    {
        if (encoder.IsLarge) return;
        if (Interlocked.CompareExchange(ref _first, encoder, null) is not null && _others.Count < Most) _others.Push(encoder);
    }
}
