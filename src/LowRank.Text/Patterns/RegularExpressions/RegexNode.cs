namespace LowRank.Text.Patterns;

/// <summary>A part of a regular expression.</summary>
internal abstract record RegexNode
{
    /// <summary>Matches nothing, everywhere.</summary>
    public static readonly RegexNode Empty = new RegexSequence([]);
}

/// <summary>One code point out of a set.</summary>
internal sealed record RegexSet(CodePointSet Set) : RegexNode;

/// <summary>One after the other.</summary>
internal sealed record RegexSequence(IReadOnlyList<RegexNode> Items) : RegexNode;

/// <summary>The first that leads to a match.</summary>
internal sealed record RegexAlternatives(IReadOnlyList<RegexNode> Items) : RegexNode;

/// <summary>How a repetition decides between more and less.</summary>
internal enum RepeatKind
{
    /// <summary>As often as possible, giving back where that fails.</summary>
    Greedy,
    /// <summary>As seldom as possible.</summary>
    Lazy,
    /// <summary>As often as possible, never giving back.</summary>
    Possessive,
}

/// <summary>From <paramref name="Min"/> to <paramref name="Max"/> times (int.MaxValue: any number).</summary>
internal sealed record RegexRepeat(RegexNode Body, int Min, int Max, RepeatKind Kind) : RegexNode;

/// <summary>A group whose text can be asked for again.</summary>
internal sealed record RegexCapture(RegexNode Body, int Number) : RegexNode;

/// <summary>The text of an earlier group; of several with one name the last that has a text.</summary>
internal sealed record RegexBackReference(IReadOnlyList<int> Numbers, bool IgnoreCase) : RegexNode;

/// <summary>A group that keeps the first way in which it matched.</summary>
internal sealed record RegexAtomic(RegexNode Body) : RegexNode;

/// <summary>What must, or must not, follow or come before.</summary>
internal sealed record RegexLook(RegexNode Body, bool Behind, bool Negative) : RegexNode;

/// <summary>Places that an expression can ask for.</summary>
internal enum RegexPlace
{
    /// <summary>`^`.</summary>
    LineStart,
    /// <summary>`$`.</summary>
    LineEnd,
    /// <summary>`\A`.</summary>
    TextStart,
    /// <summary>`\z`.</summary>
    TextEnd,
    /// <summary>`\Z`.</summary>
    TextEndOrLastLineEnd,
    /// <summary>`\b`.</summary>
    WordEdge,
    /// <summary>`\B`.</summary>
    NoWordEdge,
    /// <summary>`\G`.</summary>
    SearchStart,
}

/// <summary>A place.</summary>
internal sealed record RegexAnchor(RegexPlace Place) : RegexNode;
