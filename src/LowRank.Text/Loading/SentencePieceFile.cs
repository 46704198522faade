using LowRank.Tensors;
using LowRank.Text.Models;
using LowRank.Text.Normalizers;

namespace LowRank.Text;

/// <summary>Reads SentencePiece's own files (tokenizer.model, spiece.model): protobuf messages of pieces and settings.</summary>
internal static class SentencePieceFile
{
    private const long LargestFile = 256L << 20;

    /// <summary>The parts of the tokenizer that a file describes; nothing is put around a text unless asked for, as in SentencePiece itself.</summary>
    /// <param name="path">The file.</param>
    /// <param name="addBos">Whether the beginning token is put before every text.</param>
    /// <param name="addEos">Whether the end token is put after every text.</param>
    /// <exception cref="BadInputException">It is no such file, or of a kind that is not supported.</exception>
    public static TokenizerParts Read(string path, bool addBos = false, bool addEos = false) => Read(path, out _, addBos, addEos);

    /// <summary>The same, and which tokens begin, end and pad a text.</summary>
    public static TokenizerParts Read(string path, out RoleIds roles, bool addBos = false, bool addEos = false)
    {
        var model = Parse(Bytes(path), path);
        roles = new RoleIds(model.Control(model.Bos), model.Control(model.Eos) is { } eos ? [eos] : [], model.Control(model.Pad));
        return SentencePieceParts.Make(model, roles, addBos, addEos);
    }

    /// <summary>Reads a file's bytes.</summary>
    public static SentencePieceModel Parse(ReadOnlySpan<byte> bytes, string place)
    {
        var model = new SentencePieceModel { Place = place };
        var reader = new ProtoReader(bytes, place);
        while (reader.Next(out int field))
        {
            switch (field)
            {
                case 1: model.Pieces.Add(ReadPiece(reader.Bytes(), place)); break;
                case 2: ReadTrainer(reader.Bytes(), model, place); break;
                case 3: ReadNormalizer(reader.Bytes(), model, place); break;
                default: reader.Skip(); break;
            }
        }
        if (model.Pieces.Count == 0) throw new BadInputException("the SentencePiece model has no pieces", place: place);
        return model;
    }

    private static byte[] Bytes(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists) throw new BadInputException("the file does not exist", place: path);
            if (file.Length > LargestFile) throw new BadInputException("the file is too large for a SentencePiece model", $"{file.Length} bytes", path, $"at most {LargestFile}");
            FileType.RefuseOthers(path);
            var bytes = File.ReadAllBytes(path);
            StandIn.Refuse(path, bytes, binary: true);
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw new BadInputException($"the file cannot be read: {e.Message}", place: path, inner: e); }
    }

    private static Piece ReadPiece(ReadOnlySpan<byte> bytes, string place)
    {
        var (text, score, kind) = ("", 0f, PieceKind.Normal);
        var reader = new ProtoReader(bytes, place);
        while (reader.Next(out int field))
        {
            switch (field)
            {
                case 1: text = reader.Text(); break;
                case 2: score = reader.Float(); break;
                case 3: kind = (PieceKind)reader.Number(); break;
                default: reader.Skip(); break;
            }
        }
        if (!float.IsFinite(score)) throw new BadInputException("a piece's score is not a number", text, place);
        return Enum.IsDefined(kind) ? new Piece(text, score, kind) : throw new BadInputException("a piece has a type that is not known", $"{(int)kind}", place, "1 to 6");
    }

    private static void ReadTrainer(ReadOnlySpan<byte> bytes, SentencePieceModel model, string place)
    {
        var reader = new ProtoReader(bytes, place);
        while (reader.Next(out int field))
        {
            switch (field)
            {
                case 3: model.Kind = reader.Number(); break;
                case 24: model.WhitespaceAsSuffix = reader.Flag(); break;
                case 35: model.ByteFallback = reader.Flag(); break;
                case 46: model.Bos = reader.Text(); break;
                case 47: model.Eos = reader.Text(); break;
                case 48: model.Pad = reader.Text(); break;
                default: reader.Skip(); break;
            }
        }
    }

    private static void ReadNormalizer(ReadOnlySpan<byte> bytes, SentencePieceModel model, string place)
    {
        var reader = new ProtoReader(bytes, place);
        while (reader.Next(out int field))
        {
            switch (field)
            {
                case 2: model.Rules = reader.Bytes().ToArray(); break;
                case 3: model.AddDummyPrefix = reader.Flag(); break;
                case 4: model.RemoveExtraWhitespaces = reader.Flag(); break;
                case 5: model.EscapeWhitespaces = reader.Flag(); break;
                default: reader.Skip(); break;
            }
        }
    }
}

/// <summary>What a SentencePiece file says; what it leaves out has SentencePiece's defaults.</summary>
internal sealed class SentencePieceModel
{
    /// <summary>What to call it in errors.</summary>
    public required string Place { get; init; }
    /// <summary>The vocabulary.</summary>
    public List<Piece> Pieces { get; init; } = [];
    /// <summary>1 Unigram, 2 BPE, 3 words, 4 characters.</summary>
    public int Kind { get; set; } = 1;
    /// <summary>Whether characters outside the vocabulary become bytes.</summary>
    public bool ByteFallback { get; set; }
    /// <summary>The piece that begins a text, if there is such a one.</summary>
    public string Bos { get; set; } = "<s>";
    /// <summary>The piece that ends a text, if there is such a one.</summary>
    public string Eos { get; set; } = "</s>";
    /// <summary>The piece that pads, if there is such a one.</summary>
    public string Pad { get; set; } = "<pad>";
    /// <summary>The compiled normalization rules; empty: none.</summary>
    public byte[] Rules { get; set; } = [];
    /// <summary>Whether a blank is put before a text.</summary>
    public bool AddDummyPrefix { get; set; } = true;
    /// <summary>Whether superfluous blanks are left out.</summary>
    public bool RemoveExtraWhitespaces { get; set; } = true;
    /// <summary>Whether blanks are written as U+2581.</summary>
    public bool EscapeWhitespaces { get; set; } = true;
    /// <summary>Whether the blank is put after the text instead.</summary>
    public bool WhitespaceAsSuffix { get; set; }

    /// <summary>The id of a control piece; null where there is none of that text.</summary>
    public int? Control(string text) => Pieces.FindIndex(p => p.Kind == PieceKind.Control && p.Text == text) is >= 0 and int id ? id : null;
}
