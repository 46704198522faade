using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace LowRank.TestKit;

/// <summary>The Rust tokenizer library in a process of its own (node and an npm package that tests/npm/fetch.sh fetches): what ids it gives, and how fast.</summary>
public sealed class RustLibrary : IDisposable
{
    private const uint BatchEnd = 0xFFFFFFFF;
    private readonly Process _process;
    private readonly Stream _in, _out;

    /// <summary>Starts it on a tokenizer.json.</summary>
    public RustLibrary(string tokenizerJson) : this(tokenizerJson, "agree") { }

    private RustLibrary(string tokenizerJson, params string[] mode)
    {
        var start = new ProcessStartInfo("node", [NpmPackages.Script("encode.cjs"), tokenizerJson, .. mode]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        _process = Process.Start(start)!;
        (_in, _out) = (new BufferedStream(_process.StandardInput.BaseStream, 1 << 16), new BufferedStream(_process.StandardOutput.BaseStream, 1 << 16));
    }

    /// <summary>Why it cannot be started; null if it can.</summary>
    public static string? Missing => NpmPackages.Missing("@anush008/tokenizers@0.6.0");

    /// <summary>The ids of each text, special tokens added.</summary>
    public int[][] Encode(IReadOnlyList<string> texts)
    {
        var writing = Task.Run(() => Write(texts));
        var rows = new int[texts.Count][];
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i] = new int[Read()];
            for (int j = 0; j < rows[i].Length; j++) rows[i][j] = (int)Read();
        }
        writing.GetAwaiter().GetResult();
        return rows;
    }

    /// <summary>The best of several runs over all texts, one after the other: seconds, and the tokens of a run.</summary>
    public static (double Seconds, long Tokens) Time(string tokenizerJson, IReadOnlyList<string> texts, int runs)
    {
        using var library = new RustLibrary(tokenizerJson, "time", runs.ToString(CultureInfo.InvariantCulture));
        library.Write(texts);
        library._in.Close();
        using var answer = JsonDocument.Parse(library._out);
        return (answer.RootElement.GetProperty("seconds").GetDouble(), answer.RootElement.GetProperty("tokens").GetInt64());
    }

    private void Write(IReadOnlyList<string> texts)
    {
        Span<byte> number = stackalloc byte[4];
        foreach (string text in texts)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            BinaryPrimitives.WriteInt32LittleEndian(number, bytes.Length);
            _in.Write(number);
            _in.Write(bytes);
        }
        BinaryPrimitives.WriteUInt32LittleEndian(number, BatchEnd);
        _in.Write(number);
        _in.Flush();
    }

    private uint Read()
    {
        Span<byte> number = stackalloc byte[4];
        _out.ReadExactly(number);
        return BinaryPrimitives.ReadUInt32LittleEndian(number);
    }

    /// <summary>Ends the process.</summary>
    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }
}
