namespace Outlet;

/// <summary>Writes everything that the embedded base model is made from; README.md beside this file has the commands that follow.</summary>
public static class Program
{
    private const string Usage = "usage: outlet --output DIR [--seed N] [--force] [--stats]";

    /// <summary>The command line: exit code 0, or 2 with one line that says what is wrong.</summary>
    public static int Main(string[] arguments)
    {
        string? output = null;
        ulong seed = 7;
        bool force = false, stats = false;
        for (int i = 0; i < arguments.Length; i++)
        {
            string? value = i + 1 < arguments.Length ? arguments[i + 1] : null;
            switch (arguments[i])
            {
                case "--output" when value is not null: output = value; i++; break;
                case "--seed" when ulong.TryParse(value, out seed): i++; break;
                case "--force": force = true; break;
                case "--stats": stats = true; break;
                default: return Fail($"{arguments[i]} is not an option, or its value is missing or not a number. {Usage}");
            }
        }
        if (output is null) return Fail(Usage);
        if (!force && Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any())
            return Fail($"{output} already holds files. Choose another folder, or give --force to write over them.");

        var files = Write(output, seed);
        if (stats) Statistics.Print(files.Rows, files.Vocabulary, Console.Out);
        return 0;
    }

    /// <summary>Writes all files under <paramref name="folder"/>: the same bytes for the same seed.</summary>
    /// <returns>The rows by file name, and the vocabulary.</returns>
    public static (IReadOnlyDictionary<string, IReadOnlyList<Row>> Rows, BpeVocabulary Vocabulary) Write(string folder, ulong seed)
    {
        var corpus = DataSets.Corpus(seed);
        var rows = new Dictionary<string, IReadOnlyList<Row>>
        {
            ["corpus.jsonl"] = corpus,
            ["base-eval.jsonl"] = DataSets.BaseEvaluation(seed),
            ["north-american/train.jsonl"] = DataSets.TrainRows(Convention.NorthAmerican, seed),
            ["north-american/test.jsonl"] = DataSets.TestRows(Convention.NorthAmerican, seed),
            ["british/train.jsonl"] = DataSets.TrainRows(Convention.British, seed),
            ["british/test.jsonl"] = DataSets.TestRows(Convention.British, seed),
        };
        foreach (var (name, content) in rows)
        {
            string path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, string.Concat(content.Select(r => r.ToJson() + "\n")));
        }
        var vocabulary = BpeTrainer.Train(corpus.SelectMany(r => new[] { r.Prompt, r.Continuation }), ScratchModel.Vocabulary);
        ScratchFolder.Write(Path.Combine(folder, "scratch"), vocabulary, seed);
        return (rows, vocabulary);
    }

    private static int Fail(string message)
    {
        Console.Error.WriteLine(message);
        return 2;
    }
}
