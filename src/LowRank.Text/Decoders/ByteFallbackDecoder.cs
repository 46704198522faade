using System.Globalization;

namespace LowRank.Text.Decoders;

/// <summary>Reads runs of `&lt;0xNN&gt;` tokens as UTF-8; a run that is not UTF-8 becomes one U+FFFD a byte.</summary>
internal sealed class ByteFallbackDecoder : IDecoder
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Decode(IReadOnlyList<string> tokens)
    {
        var strings = new List<string>();
        var run = new List<byte>();
        foreach (string token in tokens) Add(token, run, strings);
        AddRun(run, strings);
        return strings;
    }

    /// <inheritdoc/>
    public DecoderStream? Stream(bool joined) => joined ? null : new Tokens();

    private static void Add(string token, List<byte> run, List<string> strings)
    {
        if (ByteOf(token) is >= 0 and int b)
        {
            run.Add((byte)b);
            return;
        }
        AddRun(run, strings);
        run.Clear();
        strings.Add(token);
    }

    private static void AddRun(List<byte> run, List<string> strings)
    {
        if (run.Count == 0) return;
        var bytes = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(run);
        if (System.Text.Unicode.Utf8.IsValid(bytes)) strings.Add(System.Text.Encoding.UTF8.GetString(bytes));
        else strings.AddRange(Enumerable.Repeat("\uFFFD", run.Count));
    }

    // As the reference reads numbers: a plus sign and one digit are a number too.
    private static int ByteOf(string token)
    {
        if (token.Length != 6 || !token.StartsWith("<0x", StringComparison.Ordinal) || token[5] != '>') return -1;
        var digits = token.AsSpan(3, 2);
        if (digits[0] == '+') digits = digits[1..];
        return int.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value) ? value : -1;
    }

    private sealed class Tokens : DecoderStream
    {
        private readonly List<byte> _run = [];

        public override void Push(string token, List<string> settled) => Add(token, _run, settled);

        public override void Finish(IReadOnlyList<string> last, List<string> strings)
        {
            if (last.Count == 0)
            {
                AddRun(_run, strings);
                return;
            }
            List<byte> run = [.. _run];
            foreach (string token in last) Add(token, run, strings);
            AddRun(run, strings);
        }
    }
}
