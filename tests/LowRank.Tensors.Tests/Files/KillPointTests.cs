namespace LowRank.Tensors.Tests;

/// <summary>
/// Processes killed between any two file operations: the old or the new is whole, nothing beside it is touched, and the next process goes
/// on. A sample of the points; LOWRANK_KILLS=all tries every one.
/// </summary>
public class KillPointTests(ITestOutputHelper output)
{
    private const int Few = 5;

    public static TheoryData<string> Names => [.. KillScenario.All.Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_old_or_the_new_is_whole_at_every_point(string name)
    {
        var scenario = KillScenario.All.Single(s => s.Name == name);
        var (folder, canary) = Fresh(scenario);
        var whole = Run(scenario, folder, 0);
        Assert.True(whole.Code == 0, whole.Error);
        Assert.Equal(scenario.Last, KillScenario.Describe(Path.Combine(folder, scenario.Target)));
        Assert.True(whole.Count > 5, $"only {whole.Count} operations were seen"); // the shim does not see what it should
        List<int> points = [.. KillShim.Points(whole.Count, Few)];
        Dictionary<string, int> found = [];
        foreach (int point in points)
        {
            (folder, canary) = Fresh(scenario);
            var killed = Run(scenario, folder, point);
            Assert.True(killed.Code == 137, $"{point} of {whole.Count}: exit code {killed.Code} {killed.Error}");
            Check(scenario, folder, canary, $"{name}, killed before operation {point} of {whole.Count}", found);
            Directory.Delete(folder, recursive: true);
        }
        output.WriteLine($"{name}: {points.Count} of {whole.Count} points; " + string.Join(", ", found.Select(f => $"{f.Key}: {f.Value}")));
        if (KillShim.All) Assert.All(scenario.States, s => Assert.True(found.ContainsKey(s), $"never {s}"));
    }

    private static void Check(KillScenario scenario, string folder, Dictionary<string, string> canary, string what, Dictionary<string,
        int> found)
    {
        string place = Path.Combine(folder, scenario.Target);
        if (scenario.NextStartMends) OutputPlace.Claim(place, OutputKind.Model, goOn: true).Dispose(); // any next start
        string state = KillScenario.Describe(place);
        Assert.True(scenario.States.Contains(state), $"{what}: {state}");
        found[state] = found.GetValueOrDefault(state) + 1;
        Assert.Equal(canary, FolderContent.Of(Path.Combine(folder, "theirs")));
        try { scenario.Act(folder); }
        catch (BadInputException e) when (state == "new" && e.Message.Contains("already exists")) { } // it was done
        Assert.Equal(scenario.Last, KillScenario.Describe(place));
        Assert.Equal(canary, FolderContent.Of(Path.Combine(folder, "theirs")));
        Assert.Equal([.. new[] { scenario.Target.Split('/')[0], "theirs", ".other.lowrank", scenario.Target.Split('/')[0]
            + ".tmp-01234567" }.Order(StringComparer.Ordinal)], OutputPlaceTests.Names(folder));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void An_operation_that_fails_loses_nothing(string name)
    {
        var scenario = KillScenario.All.Single(s => s.Name == name);
        var (folder, _) = Fresh(scenario);
        int count = Run(scenario, folder, 0).Count;
        Dictionary<string, int> found = [];
        foreach (int point in scenario.NoExchange ? Enumerable.Range(1, count) : KillShim.Points(count, Few))
        {
            (folder, var canary) = Fresh(scenario);
            string what = $"{name}, operation {point} of {count} fails";
            var failed = Run(scenario, folder, point, fails: true);
            // the log is written by the scenario itself
            bool told = failed.Error.Contains(nameof(BadInputException)) || failed.Error.Contains("log.jsonl");
            Assert.True(failed.Code == 0 || (failed.Code == 3 && told), $"{what}: exit code {failed.Code} {failed.Error}");
            Assert.Contains(KillScenario.Describe(Path.Combine(folder, scenario.Target)), scenario.States); // before any next start
            Check(scenario, folder, canary, what, found);
            Directory.Delete(folder, recursive: true);
        }
        output.WriteLine($"{name}: {count} points; " + string.Join(", ", found.Select(f => $"{f.Key}: {f.Value}")));
    }

    private static (int Code, int Count, string Error) Run(KillScenario scenario, string folder, int at, bool fails = false)
        => KillShim.Run(KillChild.Of(scenario.Name, folder), folder, at, fails, scenario.NoExchange);

    private static (string Folder, Dictionary<string, string> Canary) Fresh(KillScenario scenario)
    {
        string folder = RealPath.Of(Paths.Temporary());
        foreach (string theirs in (string[])["theirs/thesis.txt", "theirs/out.old-01234567/a.txt", "theirs/.out.lowrank/new-1/b.txt",
            ".other.lowrank/c.txt", scenario.Target.Split('/')[0] + ".tmp-01234567/d.txt"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, theirs))!);
            File.WriteAllText(Path.Combine(folder, theirs), "theirs");
        }
        scenario.Prepare(folder);
        return (folder, FolderContent.Of(Path.Combine(folder, "theirs")));
    }
}
