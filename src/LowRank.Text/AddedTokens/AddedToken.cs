namespace LowRank.Text.AddedTokens;

/// <summary>A token that is found in the text itself, before any model sees it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="SingleWord">Only where no word character touches it.</param>
/// <param name="LStrip">Takes the blanks before it.</param>
/// <param name="RStrip">Takes the blanks after it.</param>
/// <param name="Normalized">Looked for in the normalized text instead of the original.</param>
/// <param name="Special">Left out of decodings on request.</param>
internal sealed record AddedToken(int Id, string Content, bool SingleWord = false, bool LStrip = false, bool RStrip = false, bool Normalized = false, bool Special = false);
