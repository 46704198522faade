namespace LowRank.Text.Templates;

/// <summary>What a template, which may come from a stranger's adapter, can use at most.</summary>
internal static class TemplateLimits
{
    /// <summary>Steps of one rendering: nodes evaluated, items walked over, every 16 characters made.</summary>
    public const long Steps = 10_000_000;
    /// <summary>Seconds of one rendering: far more than its steps take, unless single ones are dear.</summary>
    public const int Seconds = 30;
    /// <summary>Characters of the text or of any string.</summary>
    public const int TextLength = 32_000_000;
    /// <summary>Items of a range, as the reference's sandbox has it.</summary>
    public const int Range = 100_000;
    /// <summary>Size of an integer.</summary>
    public const int IntegerBits = 1 << 15;
    /// <summary>Digits of an integer that is printed or read, as Python has it.</summary>
    public const int IntegerDigits = 4300;
    /// <summary>Macros and recursive loops within each other.</summary>
    public const int CallDepth = 320;
    /// <summary>Brackets or statements within each other.</summary>
    public const int Nesting = 150;
    /// <summary>Depth of an expression's tree.</summary>
    public const int TreeDepth = 400;
    /// <summary>Characters of a template.</summary>
    public const int TemplateLength = 1_000_000;
}
