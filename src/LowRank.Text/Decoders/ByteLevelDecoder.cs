using System.Runtime.InteropServices;
using System.Text;

namespace LowRank.Text.Decoders;

/// <summary>Spells tokens back as bytes and reads all of them together as UTF-8; broken characters become U+FFFD.</summary>
internal sealed class ByteLevelDecoder : IDecoder
{
    /// <inheritdoc/>
    public bool Joins => true;

    /// <inheritdoc/>
    public IReadOnlyList<string> Decode(IReadOnlyList<string> tokens)
    {
        var bytes = new List<byte>();
        foreach (string token in tokens) AddBytes(token, bytes);
        return [System.Text.Encoding.UTF8.GetString(CollectionsMarshal.AsSpan(bytes))];
    }

    /// <inheritdoc/>
    public DecoderStream? Stream(bool joined) => joined ? null : new Tokens();

    // A token that is not wholly spelled in the byte alphabet (an added token) is its own text.
    private static void AddBytes(string token, List<byte> bytes)
    {
        int before = bytes.Count;
        foreach (char c in token)
        {
            int b = ByteAlphabet.ByteOf(c);
            if (b >= 0)
            {
                bytes.Add((byte)b);
                continue;
            }
            CollectionsMarshal.SetCount(bytes, before);
            bytes.AddRange(System.Text.Encoding.UTF8.GetBytes(token));
            return;
        }
    }

    private sealed class Tokens : DecoderStream
    {
        private readonly List<byte> _pending = [];

        // Bytes are settled up to the end of the last whole character, or of one that is broken for good.
        public override void Push(string token, List<string> settled)
        {
            AddBytes(token, _pending);
            var bytes = CollectionsMarshal.AsSpan(_pending);
            int done = bytes.Length;
            for (int last = bytes.Length - 1; last >= 0 && last >= bytes.Length - 3; last--)
            {
                if ((bytes[last] & 0xC0) == 0x80) continue;
                if (Rune.DecodeFromUtf8(bytes[last..], out _, out _) == System.Buffers.OperationStatus.NeedMoreData) done = last;
                break;
            }
            if (done == 0) return;
            settled.Add(System.Text.Encoding.UTF8.GetString(bytes[..done]));
            _pending.RemoveRange(0, done);
        }

        public override void Finish(IReadOnlyList<string> last, List<string> strings)
        {
            List<byte> bytes = [.. _pending];
            foreach (string token in last) AddBytes(token, bytes);
            if (bytes.Count > 0) strings.Add(System.Text.Encoding.UTF8.GetString(CollectionsMarshal.AsSpan(bytes)));
        }
    }
}
