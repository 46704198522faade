using System.CommandLine;
using LowRank.Cli.Chat;
using LowRank.Tensors;

namespace LowRank.Cli.Verbs;

/// <summary>`chat`: a conversation in the terminal.</summary>
internal static class ChatVerb
{
    public static Command Create()
    {
        var common = new CommonOptions();
        var generation = new GenerationFlags(maxNewTokens: 512, several: false);
        Option<string> system = new("--system") { Description = "the system message" };
        Option<string> template = new("--template") { Description = Session.TemplateDescription };
        var verb = new Command("chat", "A conversation in the terminal; /help there shows what can be done.") { system, template };
        generation.AddTo(verb);
        common.AddTo(verb);
        verb.SetAction(parsed =>
        {
            parsed.Refuse(generation.Unused(parsed));
            generation.Read(parsed, common, []).Check();
            bool json = parsed.GetValue(common.Json), quiet = parsed.GetValue(common.Quiet), interactive = !Console.IsInputRedirected;
            if (IsInputClosed())
                throw new BadInputException("standard input is closed, so nothing can be said", place: "lowrank chat",
                    remedy: "Leave it open, or give it a file: < turns.txt.");
            using var session = Session.Open(common, parsed);
            string? named = parsed.GetValue(template);
            // Asked again whenever other adapters act: each was trained with a template.
            ChatTexts TextsOf(IReadOnlyList<string> adapters)
            {
                var texts = session.Texts(named, quiet, adapters);
                return new(texts.RequireChat(), generation.Read(parsed, common, texts.EndIds));
            }
            using var conversation = new Conversation(session, TextsOf) { System = parsed.GetValue(system) };
            var loop = new ChatLoop(conversation, interactive ? Console.In
                : new StreamReader(Console.OpenStandardInput(), new System.Text.UTF8Encoding(false, throwOnInvalidBytes: true)),
                interactive, json, quiet);
            if (interactive) loop.Notice($"{Path.GetFileName(Path.TrimEndingDirectorySeparator(session.Path))}; answering: {conversation.Adapters}. /help shows what can be done, /exit leaves.");
            return loop.Run();
        });
        return verb;
    }

    // Where a process begins with it closed, the runtime's own pipe gets its number, whose other end is here too: reading waits for ever.
    private static bool IsInputClosed()
    {
        const string Own = "/proc/self/fd";
        try
        {
            string? input = new FileInfo(Own + "/0").LinkTarget;
            return input?.StartsWith("pipe:", StringComparison.Ordinal) == true
                && Directory.GetFiles(Own).Any(f => new FileInfo(f).LinkTarget == input && IsWritten(f));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return false; } // there is no such folder

        static bool IsWritten(string descriptor) => File.ReadLines(descriptor.Replace("/fd/", "/fdinfo/"))
            .Any(l => l.StartsWith("flags:", StringComparison.Ordinal) && l[^1] is '1' or '2');
    }
}
