using System.Reflection;
using LowRank.Inference;
using LowRank.Models;
using LowRank.TestKit;

namespace LowRank.Training.Tests;

/// <summary>What holds for every library: nothing runs when it is loaded, and null where none may be is told by its name.</summary>
public class LibraryCallTests
{
    private static readonly Assembly[] Libraries =
        [typeof(Tensors.MappedFile).Assembly, typeof(AdapterHost).Assembly, typeof(Text.Tokenizer).Assembly, typeof(CausalLM).Assembly, typeof(Trainer).Assembly, typeof(Generator).Assembly];

    [Fact]
    public void Loading_a_library_runs_nothing()
        => Assert.All(Libraries, l => Assert.Null(l.ManifestModule.GetType("<Module>")?.TypeInitializer)); // where module initializers are called

    [Fact]
    public void Null_where_there_must_be_something_is_told_not_run_into()
    {
        using var model = ModelLoader.Load(Paths.Golden("models/llama"));
        var host = AdapterHost.Attach(model);
        var adapter = host.Add("a", new LoraConfig { TargetModules = Selector.AllLinear }, 1);
        var generator = new Generator(model, null, host);
        foreach (Action call in (Action[])
        [
            () => AdapterHost.Attach(null!), () => host.Add("b", null!, 1), () => host.Add(null!, adapter.Config, 1), () => host.Load("b", null!), () => host.Load(null!, "x"), () => host.Activate(null!),
            () => host.Rows(null!), () => host.Delete(null!), () => adapter.DifferencesFrom(null!), () => LoraConfig.FromJson(null!), () => Selector.OfPattern(null!), () => AdapterMethods.Of(null!),
            () => generator.Generate(null!, new()), () => generator.Generate([null!], new()), () => generator.Generate([new(null!)], new()), () => generator.Generate([], null!), () => new Generator(null!, null).Generate([], new()),
            () => model.Hidden((BlockInput)null!), () => model.Logits(null!), () => model.Embed(null!), () => model.FinalNorm(null!), () => SettingsBinder.Check(null!), () => Evaluator.Run(model, null!), () => Evaluator.Run(null!, []),
            () => new Trainer(null!, model, new AdapterTrainable(model, adapter), null!, null, null!),
        ])
            Assert.Throws<ArgumentNullException>(call);
        host.Detach();
    }
}
