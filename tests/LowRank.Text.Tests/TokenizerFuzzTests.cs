using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LowRank.Tensors;
using LowRank.TestKit;
using Xunit;

namespace LowRank.Text.Tests;

/// <summary>Broken tokenizer.json files end in a working tokenizer or in a BadInputException, soon. LOWRANK_FUZZ is their number (1,000,000 is the long check).</summary>
public sealed class TokenizerFuzzTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60); // for a whole batch that takes milliseconds: only a hang gets there
    private static readonly string[] Texts = ["", " Hello  the world's 12345 \u00E9\u4F60\n", new string('a', 300), "<s>x\u200D\U0001F468</s>\u0000", new string(' ', 40) + "\t."];

    [Fact]
    public async Task Mutated_files_are_read_or_refused()
    {
        int count = int.TryParse(Environment.GetEnvironmentVariable("LOWRANK_FUZZ"), NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : 3000;
        string[] seeds = [.. Directory.GetDirectories(Paths.Golden("tokenizers")).Select(d => Path.Combine(d, "tokenizer.json")).Where(File.Exists).Order(StringComparer.Ordinal).Select(Small)];
        string path = Path.Combine(Paths.Temporary(), "tokenizer.json");
        int read = 0;
        for (int from = 0; from < count; from += 100)
        {
            int first = from;
            string current = "";
            var work = Task.Run(() =>
            {
                for (int i = first; i < Math.Min(count, first + 100); i++)
                    if (Survives(current = Mutated(seeds, new Random(i)), path, i)) read++;
            }, TestContext.Current.CancellationToken);
            if (await Task.WhenAny(work, Task.Delay(Patience, TestContext.Current.CancellationToken)) != work) Assert.Fail($"a file takes too long: {current}");
            await work;
        }
        Assert.InRange(read, count / 20, count); // most mutations are harmless or refused; were all refused, the mutator would be broken
    }

    private static bool Survives(string json, string path, int number)
    {
        File.WriteAllText(path, json);
        try
        {
            var tokenizer = Tokenizer.FromFile(path);
            foreach (string text in Texts)
            {
                int[] ids = tokenizer.Encode(text);
                tokenizer.EncodeWithOffsets(text, "pair " + text);
                tokenizer.Decode(ids);
                var stream = tokenizer.NewStream();
                string joined = string.Concat(ids.Select(stream.Push)) + stream.End();
                Assert.Equal(Streamed(tokenizer, ids), joined);
            }
            return true;
        }
        catch (BadInputException) { return false; }
        catch (Exception e) { throw new InvalidOperationException($"file {number}: {json}", e); }
    }

    // The rule of streams by its definition: what decoding all tokens so far adds to what was shown.
    private static string Streamed(Tokenizer tokenizer, int[] ids)
    {
        string shown = "";
        for (int count = 1; count <= ids.Length; count++)
        {
            string text = tokenizer.Decode(ids[..count], skipSpecialTokens: true).TrimEnd('\uFFFD');
            if (text.StartsWith(shown, StringComparison.Ordinal)) shown = text;
        }
        string whole = tokenizer.Decode(ids, skipSpecialTokens: true);
        return shown + (whole.Length > shown.Length ? whole[shown.Length..] : "");
    }

    // The same components over a vocabulary of a few dozen tokens: a million of them are read in minutes.
    private static string Small(string file)
    {
        var root = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        var model = root["model"]!.AsObject();
        if (model["vocab"] is JsonObject vocab)
        {
            var kept = vocab.Where(p => (int)p.Value! < 60).Select(p => (p.Key, Id: (int)p.Value!)).ToList();
            model["vocab"] = new JsonObject(kept.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Id)));
            var names = kept.Select(p => p.Key).ToHashSet();
            if (model["merges"] is JsonArray merges)
            {
                var some = merges.Where(m => m is JsonArray pair ? names.Contains((string)pair[0]! + (string)pair[1]!) : names.Contains(((string)m!).Replace(" ", "", StringComparison.Ordinal))).Take(20).Select(m => m!.DeepClone());
                model["merges"] = new JsonArray([.. some]);
            }
        }
        else if (model["vocab"] is JsonArray pieces) model["vocab"] = new JsonArray([.. pieces.Take(60).Select(p => p!.DeepClone())]);
        if (root["added_tokens"] is JsonArray added) root["added_tokens"] = new JsonArray([.. added.Where(a => (int)a!["id"]! < 60).Select(a => a!.DeepClone())]);
        return root.ToJsonString();
    }

    private static string Mutated(string[] seeds, Random random)
    {
        string text = seeds[random.Next(seeds.Length)];
        if (random.Next(4) == 0) return Bytes(text, random);
        var root = JsonNode.Parse(text)!;
        for (int i = 1 + random.Next(3); i > 0; i--) Change(root, JsonNode.Parse(seeds[random.Next(seeds.Length)])!, random);
        return root.ToJsonString(new JsonSerializerOptions { MaxDepth = 200 });
    }

    private static string Bytes(string text, Random random)
    {
        int at = random.Next(text.Length), length = random.Next(Math.Min(20, text.Length - at));
        string put = random.Next(4) switch { 0 => "", 1 => ((char)random.Next(1, 0x250)).ToString(), 2 => "\\ud800", _ => text.Substring(random.Next(text.Length - length), length) };
        return string.Concat(text.AsSpan(0, at), put, text.AsSpan(at + length));
    }

    // One place of the tree gets another value: a wrong type, an extreme, or what another file has there.
    private static void Change(JsonNode root, JsonNode other, Random random)
    {
        var target = Walk(root, random);
        JsonNode? value = random.Next(12) switch
        {
            0 => null,
            1 => random.Next(-3, 70),
            2 => long.MaxValue,
            3 => "",
            4 => new string((char)random.Next(33, 0x2600), random.Next(1, 40)),
            5 => random.Next(2) == 0,
            6 => new JsonArray(),
            7 => new JsonObject(),
            8 => -1e308,
            9 => "(a+)+$|[[:alpha:]&&[^\\p{L}]](?<!x)\\1",
            _ => Walk(other, random).DeepClone(),
        };
        switch (target.Parent)
        {
            case JsonObject parent:
                string name = target.GetPropertyName();
                if (random.Next(5) == 0) parent.Remove(name);
                else parent[name] = value;
                break;
            case JsonArray list:
                if (random.Next(5) == 0) list.Add(list[0]!.DeepClone());
                else list[target.GetElementIndex()] = value;
                break;
        }
    }

    private static JsonNode Walk(JsonNode node, Random random)
    {
        while (true)
        {
            JsonNode?[] children = node switch { JsonObject o => [.. o.Select(p => p.Value)], JsonArray a => [.. a], _ => [] };
            var next = children.Length == 0 ? null : children[random.Next(children.Length)];
            if (next is null || (node.Parent is not null && random.Next(4) == 0)) return node;
            node = next;
        }
    }
}
