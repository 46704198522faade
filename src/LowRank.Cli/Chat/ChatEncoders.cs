using LowRank.Tensors;
using LowRank.Text;
using LowRank.Text.Chat;

namespace LowRank.Cli.Chat;

/// <summary>The chat template that a verb works with.</summary>
internal static class ChatEncoders
{
    /// <summary>What --template means.</summary>
    public const string Description = "a chat template: a .jinja file, a folder that has one (an adapter's), or the name of one of the model's";

    /// <summary>The encoder of a session's model.</summary>
    /// <param name="session">The session.</param>
    /// <param name="choice">The value of --template; null: the model's own.</param>
    /// <param name="notice">Told where an adapter brings a template that is not used.</param>
    /// <exception cref="BadInputException">There is no template.</exception>
    public static ChatEncoder Require(Session session, string? choice, Action<string>? notice = null)
    {
        var tokenizer = session.Tokenizer;
        var others = session.Adapters.Where(a => Brings(tokenizer, a.Path)).Select(a => a.Path).ToList();
        if (ChatEncoder.Of(tokenizer, choice) is { } encoder)
        {
            if (choice is null) foreach (string path in others) notice?.Invoke($"The adapter {path} has a chat template of its own; --template {path} uses it.");
            return encoder;
        }
        throw new BadInputException("the model has no chat template, so it is not known how it was shown conversations", place: session.Path, expected: "chat_template.jinja, chat_template in tokenizer_config.json, or tokenizer.chat_template in a GGUF file",
            remedy: others.Count > 0 ? $"The adapter has one: add --template {others[0]}." : "Give one with --template FILE.jinja, or use `lowrank generate`.");
    }

    // An adapter's folder may hold a template that differs from the model's.
    private static bool Brings(Tokenizer tokenizer, string adapter)
        => Directory.Exists(adapter) && Tokenizer.ChatTemplatesOf(adapter) is { Count: > 0 } own && !own.Values.All(tokenizer.ChatTemplates.Values.Contains);
}
