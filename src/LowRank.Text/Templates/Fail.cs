using System.Runtime.CompilerServices;

namespace LowRank.Text.Templates;

/// <summary>Errors without a place; whoever runs the template adds it.</summary>
internal static class Fail
{
    public static TemplateException Runtime(string reason) => new(TemplateErrorKind.Runtime, reason);

    public static TemplateException TooDeep() => Runtime("maximum recursion depth exceeded");

    /// <summary>Ends a recursion over values or nodes before the thread's stack does.</summary>
    public static void CheckStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw TooDeep();
    }
}
