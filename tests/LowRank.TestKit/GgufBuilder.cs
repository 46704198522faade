using System.Text;

namespace LowRank.TestKit;

/// <summary>Writes small GGUF files for tests, also wrong ones.</summary>
public sealed class GgufBuilder
{
    private readonly List<(string Key, object Value)> _pairs = [];
    private readonly List<(string Name, int Type, long[] Shape, byte[] Data, long? Offset)> _tensors = [];

    /// <summary>The version written.</summary>
    public uint Version { get; set; } = 3;
    /// <summary>The alignment used (not written by itself).</summary>
    public int Alignment { get; set; } = 32;
    /// <summary>Written instead of the true number of tensors.</summary>
    public ulong? TensorCount { get; set; }
    /// <summary>Written instead of the true number of pairs.</summary>
    public ulong? PairCount { get; set; }

    /// <summary>Adds a key; the value's CLR type chooses the type in the file. A byte[] with key "raw:KEY" is written as it is, type included.</summary>
    public GgufBuilder Set(string key, object value)
    {
        _pairs.Add((key, value));
        return this;
    }

    /// <summary>Adds a float32 tensor.</summary>
    public GgufBuilder Tensor(string name, long[] shape, float[] values)
        => Raw(name, 0, shape, System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values).ToArray());

    /// <summary>Adds a tensor of any type; <paramref name="shape"/> is row-major, <paramref name="offset"/> overrides where the header says it lies.</summary>
    public GgufBuilder Raw(string name, int type, long[] shape, byte[] data, long? offset = null)
    {
        _tensors.Add((name, type, shape, data, offset));
        return this;
    }

    /// <summary>The file's bytes.</summary>
    public byte[] Build()
    {
        using var stream = new MemoryStream();
        using var w = new BinaryWriter(stream);
        w.Write("GGUF"u8);
        w.Write(Version);
        w.Write(TensorCount ?? (ulong)_tensors.Count);
        w.Write(PairCount ?? (ulong)_pairs.Count);
        foreach (var (key, value) in _pairs) Pair(w, key, value);
        long at = 0;
        foreach (var (name, type, shape, data, offset) in _tensors)
        {
            Text(w, name);
            w.Write(shape.Length);
            foreach (long size in shape.Reverse()) w.Write(size);
            w.Write(type);
            w.Write(offset ?? at);
            at = (at + data.Length + Alignment - 1) / Alignment * Alignment;
        }
        foreach (var (_, _, _, data, _) in _tensors)
        {
            while (stream.Length % Alignment != 0) w.Write((byte)0);
            w.Write(data);
        }
        return stream.ToArray();
    }

    /// <summary>Writes the file into a fresh temporary folder and returns its path.</summary>
    public string Save()
    {
        string path = Path.Combine(Paths.Temporary(), "model.gguf");
        File.WriteAllBytes(path, Build());
        return path;
    }

    private static void Pair(BinaryWriter w, string key, object value)
    {
        if (key.StartsWith("raw:", StringComparison.Ordinal))
        {
            Text(w, key[4..]);
            w.Write((byte[])value);
            return;
        }
        Text(w, key);
        if (value is not Array array)
        {
            w.Write(TypeOf(value.GetType()));
            Scalar(w, value);
            return;
        }
        w.Write(9);
        w.Write(TypeOf(array.GetType().GetElementType()!));
        w.Write((ulong)array.Length);
        foreach (object item in array) Scalar(w, item);
    }

    private static int TypeOf(Type type)
        => Array.IndexOf([typeof(byte), typeof(sbyte), typeof(ushort), typeof(short), typeof(uint), typeof(int), typeof(float), typeof(bool), typeof(string), typeof(Array), typeof(ulong), typeof(long), typeof(double)], type);

    private static void Scalar(BinaryWriter w, object value)
    {
        switch (value)
        {
            case byte v: w.Write(v); break;
            case sbyte v: w.Write(v); break;
            case ushort v: w.Write(v); break;
            case short v: w.Write(v); break;
            case uint v: w.Write(v); break;
            case int v: w.Write(v); break;
            case float v: w.Write(v); break;
            case bool v: w.Write(v); break;
            case string v: Text(w, v); break;
            case ulong v: w.Write(v); break;
            case long v: w.Write(v); break;
            case double v: w.Write(v); break;
            default: throw new ArgumentException(value.GetType().Name);
        }
    }

    private static void Text(BinaryWriter w, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        w.Write((ulong)bytes.Length);
        w.Write(bytes);
    }
}
