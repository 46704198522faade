using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;
using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

/// <summary>
/// Mutated headers: each file is either read, every tensor inside the file, or refused with a <see cref="BadInputException"/>; and never is more
/// allocated than the file's size and a constant. LOWRANK_FUZZ sets the number of cases (5,000 unless set).
/// </summary>
public partial class FuzzTests
{
    private const long Constant = 256 << 10; // messages, stack traces, the objects of a small header
    private static readonly int Cases = int.TryParse(Environment.GetEnvironmentVariable("LOWRANK_FUZZ"), out int n) ? n : 5_000;
    private static readonly ulong[] Extremes =
        [0, 1, 2, 31, 32, 33, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 1UL << 32, 1UL << 40, 1UL << 61, (1UL << 62) + 1, 1UL << 63, long.MaxValue, ulong.MaxValue - 7, ulong.MaxValue];

    [Fact]
    public void Mutated_safetensors_are_read_or_refused()
    {
        byte[][] seeds =
        [
            SafetensorsBytes.Of("""{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b.weight":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"c":{"dtype":"F8_E4M3","shape":[1,8],"data_offsets":[32,40]},"none":{"dtype":"I64","shape":[0,5],"data_offsets":[40,40]}} """, new byte[40]),
            SafetensorsBytes.Of("""{"x":{"dtype":"F4","shape":[4],"data_offsets":[0,2]},"y\u00fc":{"dtype":"BOOL","shape":[],"data_offsets":[2,3]}}""", new byte[3]),
            SafetensorsBytes.Of("{}", []),
        ];
        Run(seeds, "model.safetensors", (random, bytes) => random.Next(2) == 0 ? Bytes(random, bytes) : Json(random, bytes), path => SafetensorsFile.Open(path), (source, name) => ((SafetensorsFile)source).Bytes(name));
    }

    [Fact]
    public void Mutated_gguf_files_are_read_or_refused()
    {
        byte[][] seeds =
        [
            new GgufBuilder().Set("general.architecture", "llama").Set("general.alignment", 32u).Set("a", new[] { "x", "yz", "" }).Set("b", new[] { 1, 2, 3 }).Set("c", true).Set("d", 1.5).Set("e", 7UL)
                .Tensor("f", [2, 3], new float[6]).Raw("q", 3, [2, 32], new byte[40]).Raw("k", 12, [1, 256], new byte[144]).Raw("h", 1, [3], new byte[6]).Build(),
            new GgufBuilder { Version = 2 }.Set("t", "text").Raw("w", 30, [2, 1, 1, 2], new byte[8]).Build(),
            new GgufBuilder().Build(),
        ];
        Run(seeds, "model.gguf", Bytes, path => GgufFile.Open(path), (source, name) => ((GgufFile)source).Bytes(name));
    }

    private delegate ReadOnlySpan<byte> BytesOf(IWeightSource source, string name);

    private static void Run(byte[][] seeds, string name, Func<Random, byte[], byte[]> mutate, Func<string, IWeightSource> open, BytesOf bytesOf)
    {
        string folder = Paths.Temporary(), path = Path.Combine(folder, name);
        NativeTensors.EnsureLoaded();
        int read = 0;
        long most = 0;
        for (int i = -seeds.Length; i < Cases; i++) // the seeds themselves first, so that first-time costs are not measured
        {
            var random = new Random(i);
            byte[] file = seeds[(i + seeds.Length) % seeds.Length];
            for (int times = i < 0 ? 0 : 1 + random.Next(3); times > 0; times--) file = mutate(random, file);
            File.WriteAllBytes(path, file);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                Touch(open, bytesOf, path);
                read++;
            }
            catch (BadInputException) when (i >= 0) { }
            catch (Exception e)
            {
                Assert.Fail($"case {i} ended in {e}\n{Convert.ToHexString(file)}");
            }
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (i < 0) continue;
            most = Math.Max(most, allocated);
            Assert.True(allocated <= file.Length + Constant, $"case {i}, a file of {file.Length} bytes, allocated {allocated} bytes\n{Convert.ToHexString(file)}");
        }
        Assert.InRange(read, seeds.Length, Cases); // the mutations must not all be refused at the first byte, nor all be harmless
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {Cases} cases, {read} read, the rest refused; at most {most} bytes allocated");
        Directory.Delete(folder, true);
    }

    private static void Touch(Func<string, IWeightSource> open, BytesOf bytesOf, string path)
    {
        using var source = open(path);
        using var scope = NewDisposeScope();
        foreach (string name in source.Names)
        {
            var bytes = bytesOf(source, name);
            if (bytes.Length > 0) _ = bytes[0] + bytes[^1];
            Assert.Equal(source.ByteLength(name), bytes.Length);
            try { Assert.Equal(source.Shape(name)!, source.Get(name).shape); }
            catch (BadInputException e) when (e.Problem.Contains("no tensor can hold", StringComparison.Ordinal) || e.Problem.Contains("type is not read", StringComparison.Ordinal)) { }
        }
    }

    /// <summary>One change of bytes: flips, a cut, a removed, repeated or moved stretch, or a number set to an extreme value.</summary>
    private static byte[] Bytes(Random random, byte[] file)
    {
        if (file.Length == 0) return file;
        int at = random.Next(file.Length), length = random.Next(1, Math.Min(40, file.Length - at) + 1);
        byte[] result = [.. file];
        switch (random.Next(7))
        {
            case 0: result[at] = (byte)random.Next(256); return result;
            case 1: result[at] ^= (byte)(1 << random.Next(8)); return result;
            case 2: return file[..at];
            case 3: return [.. file[..at], .. file[(at + length)..]];
            case 4: return [.. file[..at], .. file[at..(at + length)], .. file[at..]];
            case 5:
                int from = random.Next(file.Length - length + 1);
                file.AsSpan(from, length).CopyTo(result.AsSpan(at));
                return result;
            default:
                Span<byte> number = stackalloc byte[8];
                BinaryPrimitives.WriteUInt64LittleEndian(number, Extremes[random.Next(Extremes.Length)]);
                number[..Math.Min(random.Next(2) == 0 ? 4 : 8, file.Length - at)].CopyTo(result.AsSpan(at));
                return result;
        }
    }

    /// <summary>One change of a safetensors header's text, with the length in front put right: a number or a word replaced, an entry repeated, a character changed.</summary>
    private static byte[] Json(Random random, byte[] file)
    {
        if (file.Length < 8) return file;
        int length = (int)Math.Min(BitConverter.ToUInt64(file), (ulong)(file.Length - 8));
        string header = Encoding.Latin1.GetString(file, 8, length);
        string[] words = ["F32", "F64", "F4", "F8_E8M0", "BOOL", "null", "{}", "[]", "\"\"", "-1", "1e9", "0.5", "\"\\ud800\"", "[[[[[[[[[]]]]]]]]]", "__metadata__", "dtype", "shape", ",", ":", "}", "\u00ff"];
        var (pattern, replacement) = random.Next(3) switch
        {
            0 => (Number(), Extremes[random.Next(Extremes.Length)].ToString(System.Globalization.CultureInfo.InvariantCulture)),
            1 => (Word(), words[random.Next(words.Length)]),
            _ => (Any(), words[random.Next(words.Length)]),
        };
        var matches = pattern.Matches(header);
        if (matches.Count > 0)
        {
            var match = matches[random.Next(matches.Count)];
            header = random.Next(8) == 0 ? header.Insert(match.Index, match.Value) : header[..match.Index] + replacement + header[(match.Index + match.Length)..];
        }
        byte[] text = Encoding.Latin1.GetBytes(header);
        return [.. BitConverter.GetBytes((long)text.Length), .. text, .. file[(8 + length)..]];
    }

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Number();
    [GeneratedRegex("\"[^\"]*\"|[{}\\[\\],:]")]
    private static partial Regex Word();
    [GeneratedRegex(".")]
    private static partial Regex Any();
}
