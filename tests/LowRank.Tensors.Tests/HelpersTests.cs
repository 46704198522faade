using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

public class HelpersTests
{
    [Fact]
    public void Errors_say_place_problem_value_expectation_and_remedy()
    {
        Assert.Equal("here: it is wrong (got 7); expected 8. Write 8", new BadInputException("it is wrong", "7", "here", "8", "Write 8").Message);
        Assert.Equal("it is wrong", new BadInputException("it is wrong").Message);
    }

    [Fact]
    public void Several_errors_become_one_that_lists_them_all()
    {
        BadInputException a = new("first", "1"), b = new("second", place: "there");
        Assert.Same(a, BadInputException.All("settings are wrong", [a]));
        Assert.Equal("run.yaml: settings are wrong (2 mistakes):\n  - first (got 1)\n  - there: second", BadInputException.All("settings are wrong", [a, b], "run.yaml").Message);
    }

    [Fact]
    public void An_error_of_several_keeps_them_wherever_it_is_said_to_be()
    {
        BadInputException a = new("first", "1"), b = new("second", place: "there");
        Assert.Equal([a, b], BadInputException.All("settings are wrong", [a, b]).In("run.yaml").Parts);
        var one = a.In("run.yaml");
        Assert.Equal([one], one.Parts);
        string folder = Path.Combine(Paths.Temporary(), "out");
        var e = Assert.Throws<BadInputException>(() => AtomicFile.WriteFolder(folder,
            f => throw BadInputException.All("files are wrong", [a, b], Path.Combine(f, "x"))));
        Assert.Equal([a, b], e.Parts);
        Assert.Equal(Path.Combine(folder, "x"), e.Place);
    }

    [Fact]
    public void A_folder_that_cannot_be_listed_is_told()
    {
        string file = Path.Combine(Paths.Temporary(), "file");
        File.WriteAllText(file, "");
        foreach (Action list in (Action[])[() => FolderList.Files(file), () => FolderList.FileNames(file), () => FolderList.Folders(file)])
        {
            var e = Assert.Throws<BadInputException>(list);
            Assert.StartsWith("the folder cannot be read", e.Problem);
            Assert.Equal(file, e.Place);
        }
    }

    [Fact]
    public void Of_many_names_the_first_are_told_and_how_many_more_there_are()
    {
        Assert.Equal("", NameList.Of([]));
        Assert.Equal("a, b", NameList.Of(["a", "b"], 2));
        Assert.Equal("a, b and 1 more", NameList.Of(["a", "b", "c"], 2));
    }

    [Fact]
    public void Near_names_come_nearest_first_and_far_ones_not_at_all()
    {
        string[] names = ["q_proj", "k_proj", "v_proj", "gate_proj", "embed_tokens", "lm_head", "q_proj"];
        Assert.Equal(["q_proj", "k_proj", "v_proj"], NearNames.Of("Q_prj", names));
        Assert.Equal(["lm_head"], NearNames.Of("head", names));
        Assert.Empty(NearNames.Of("xyzzy", ["embed_tokens"]));
        Assert.Null(NearNames.Sentence("xyzzy", ["embed_tokens"]));
        Assert.Equal("Did you mean 'lm_head'?", NearNames.Sentence("lm_heed", names));
        Assert.Single(NearNames.Of("q_proj", names, 1));
    }

    [Fact]
    public void Scalars_are_kept_and_keep_their_kind()
    {
        using var scope = NewDisposeScope();
        Assert.Same(Scalars.Of(0.25), Scalars.Of(0.25));
        Assert.Same(Scalars.Of(3L), Scalars.Of(3L));
        Assert.Same(Scalars.One, Scalars.Of(1.0));
        Assert.Equal([2.5f, -1f], tensor(new[] { 10f, -4f }).mul(Scalars.Of(0.25)).data<float>().ToArray());
        Assert.Equal(ScalarType.Int64, tensor(new[] { 1L }).Plus(Scalars.Of(2L)).dtype);
        Assert.Equal(ScalarType.Float32, tensor(new[] { 1L }).Plus(Scalars.Two).dtype);
        Assert.Equal([0f, 1f, -1f, 2f, float.NegativeInfinity], new[] { Scalars.Zero, Scalars.One, Scalars.MinusOne, Scalars.Two, Scalars.MinusInfinity }.Select(s => full([1], s).item<float>()));
    }

    [Fact]
    public void The_torch_thread_runs_everything_in_order_on_one_thread()
    {
        using var thread = new TorchThread("test");
        int here = Environment.CurrentManagedThreadId;
        int[] ids = [.. Enumerable.Range(0, 5).Select(_ => thread.Run(() => Environment.CurrentManagedThreadId))];
        Assert.Single(ids.Distinct());
        Assert.NotEqual(here, ids[0]);
        Assert.Equal(ids[0], thread.Run(() => thread.Run(() => Environment.CurrentManagedThreadId))); // from the thread itself: at once, no deadlock
        Assert.Equal("test", thread.Run(() => Thread.CurrentThread.Name));
        int sum = 0;
        Parallel.For(0, 100, i => thread.Run(() => { sum += i; })); // not atomic: only right if nothing overlaps
        Assert.Equal(4950, sum);
    }

    [Fact]
    public void The_torch_thread_keeps_its_state_and_hands_errors_back()
    {
        using var thread = new TorchThread();
        thread.Run(() => set_grad_enabled(false));
        Assert.False(thread.Run(is_grad_enabled));
        Assert.True(is_grad_enabled());
        var e = Assert.Throws<BadInputException>(() => thread.Run(() => throw new BadInputException("no")));
        Assert.Equal("no", e.Problem);
        Assert.Equal(3f, thread.Run(() => { using var scope = NewDisposeScope(); return ones(3).sum().item<float>(); }));
    }
}
