using System.Text.Json;
using LowRank.Tensors;
using LowRank.Text.Templates;

namespace LowRank.Text.Chat;

/// <summary>The {% generation %} blocks of a rendered conversation by the assistant's turns.</summary>
internal static class TurnBlocks
{
    /// <summary>Blocks that touch each other are one turn: some templates write the text's end token in a block of its own.</summary>
    public static List<List<(int Start, int End)>> Runs(IReadOnlyList<(int Start, int End)> blocks)
    {
        List<List<(int Start, int End)>> runs = [];
        foreach (var block in blocks)
            if (runs.Count > 0 && runs[^1][^1].End == block.Start) runs[^1].Add(block);
            else runs.Add([block]);
        return runs;
    }

    /// <summary>The blocks of some turns. Which are a turn's is told by how many the conversation up to it has.</summary>
    /// <param name="encoder">Renders it.</param>
    /// <param name="whole">The conversation.</param>
    /// <param name="rendered">Its rendering.</param>
    /// <param name="wanted">Whether a message's blocks are.</param>
    /// <exception cref="BadInputException">The blocks do not follow the turns.</exception>
    public static IReadOnlyList<(int Start, int End)> Of(ChatEncoder encoder, ChatRequest whole, RenderedChat rendered, Func<int,
        bool> wanted)
    {
        JsonElement[] messages = [.. whole.Messages!.Value.EnumerateArray()];
        int[] turns = [.. Enumerable.Range(0, messages.Length).Where(i => ChatMessages.RoleOf(messages[i]) == "assistant")];
        if (turns.All(wanted)) return rendered.Generation;
        var runs = Runs(rendered.Generation);
        for (int n = 0; n < turns.Length; n++)
        {
            int count = Runs(encoder.Render(whole with { Messages = JsonSerializer.SerializeToElement(messages[..(turns[n] + 1)]) }).Generation).Count;
            if (count != n + 1 || runs.Count != turns.Length)
                throw new BadInputException($"messages[{turns[n]}]: the template's {{% generation %}} blocks do not follow the assistant's turns, so a turn with weight 0 cannot be told from the others", remedy: "Leave the row out, or use a template with one block a turn.");
        }
        return [.. turns.Index().Where(t => wanted(t.Item)).SelectMany(t => runs[t.Index])];
    }
}
