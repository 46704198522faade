using LowRank.Tensors;
using LowRank.Text.AddedTokens;
using LowRank.Text.Decoders;
using LowRank.Text.Models;
using LowRank.Text.Normalizers;
using LowRank.Text.Patterns;
using LowRank.Text.PostProcessors;

namespace LowRank.Text;

/// <summary>Puts a tokenizer together that gives the ids SentencePiece gives. Control symbols written in a text are found, as everywhere here.</summary>
internal static class SentencePieceParts
{
    private static readonly Dictionary<int, Func<SentencePieceModel, ByteTrie?, IModel>> Models = new() { [1] = Unigram, [2] = Bpe };

    /// <summary>The parts.</summary>
    public static TokenizerParts Make(SentencePieceModel model, RoleIds roles, bool addBos, bool addEos)
    {
        if (!Models.TryGetValue(model.Kind, out var make))
            throw new BadInputException("this kind of SentencePiece model is not supported yet", model.Kind switch { 3 => "word", 4 => "char", _ => $"{model.Kind}" }, model.Place, "unigram or bpe");
        CheckPieces(model);
        var symbols = Symbols(model.Pieces);
        var rules = model.Rules.Length == 0 ? null : new Charsmap(model.Rules, model.Place);
        var spec = new SentencePieceNormalization(rules, model.AddDummyPrefix, model.RemoveExtraWhitespaces, model.EscapeWhitespaces, model.WhitespaceAsSuffix);
        return new TokenizerParts(
            [.. model.Pieces.Select((p, id) => (p, id)).Where(p => p.p.Kind is PieceKind.Control or PieceKind.Unknown).Select(p => new AddedToken(p.id, p.p.Text, Special: true))],
            new SentencePieceNormalizer(spec, symbols), PreTokenizer: null, make(model, symbols),
            Ends(model, addBos ? roles.Bos : null, addEos ? roles.Eos : []),
            Decoder(model.AddDummyPrefix, model.WhitespaceAsSuffix));
    }

    /// <summary>Makes text of pieces: blanks, bytes, and without the blank that was added.</summary>
    public static IDecoder Decoder(bool prefixed, bool suffixed) => new SequenceDecoder(
    [
        new ReplaceDecoder(new LiteralPattern("\u2581"), " ", single: true), new ByteFallbackDecoder(), new FuseDecoder(),
        .. prefixed ? [new StripDecoder(" ", suffixed ? 0 : 1, suffixed ? 1 : 0)] : Array.Empty<IDecoder>(),
    ]);

    /// <summary>The user-defined pieces; null where there are none.</summary>
    public static ByteTrie? Symbols(IReadOnlyList<Piece> pieces)
    {
        var symbols = pieces.Select((p, id) => (p, id)).Where(p => p.p.Kind == PieceKind.UserDefined).Select(p => (System.Text.Encoding.UTF8.GetBytes(p.p.Text), p.id)).ToList();
        return symbols.Count == 0 ? null : new ByteTrie(symbols);
    }

    private static UnigramModel Unigram(SentencePieceModel model, ByteTrie? symbols)
    {
        var normal = model.Pieces.Where(p => p.Kind == PieceKind.Normal).Select(p => p.Score).DefaultIfEmpty().ToList();
        float highest = normal.Max();
        // A symbol of the user's own scores so high that it always wins.
        double Score(Piece piece) => piece.Kind == PieceKind.UserDefined ? System.Text.Encoding.UTF8.GetByteCount(piece.Text) * highest - 0.1 : piece.Score;
        return new UnigramModel([.. model.Pieces.Select(p => (p.Text, Score(p), p.Kind is PieceKind.Normal or PieceKind.UserDefined))],
            new UnigramOptions(Unknown(model), model.ByteFallback, normal.Min(), SinglePrecision: true));
    }

    private static SentencePieceBpeModel Bpe(SentencePieceModel model, ByteTrie? symbols) => new(model.Pieces, Unknown(model), model.ByteFallback, symbols);

    private static int Unknown(SentencePieceModel model) => model.Pieces.FindIndex(p => p.Kind == PieceKind.Unknown);

    private static void CheckPieces(SentencePieceModel model)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var piece in model.Pieces)
        {
            if (piece.Text.Length == 0) throw new BadInputException("the SentencePiece model has an empty piece", place: model.Place);
            if (!seen.Add(piece.Text)) throw new BadInputException("the SentencePiece model has a piece twice", piece.Text, model.Place);
        }
        int unknown = model.Pieces.Count(p => p.Kind == PieceKind.Unknown);
        if (unknown != 1) throw new BadInputException("the SentencePiece model must have one unknown piece", $"{unknown}", model.Place);
    }

    private static TemplatePostProcessor? Ends(SentencePieceModel model, int? bos, IReadOnlyList<int> eos)
    {
        TemplateItem Item(int id) => new(null, [id], [model.Pieces[id].Text], 0);
        TemplateItem[] before = bos is { } b ? [Item(b)] : [], after = [.. eos.Select(Item)];
        return before.Length + after.Length == 0 ? null : TemplatePostProcessor.Around(before, after, after);
    }
}
