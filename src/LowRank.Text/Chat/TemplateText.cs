namespace LowRank.Text.Chat;

/// <summary>A chat template's source, and where it stands: what its errors are told of.</summary>
/// <param name="Source">The template.</param>
/// <param name="Place">A file, and the key in it.</param>
internal readonly record struct TemplateText(string Source, string Place);
