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
        var method = AdapterMethods.Of(adapter.Config);
        var layer = LayerKinds.Of("a", model.named_modules().Select(m => m.module).First(m => LayerKinds.Of("a", m) is not null))!;
        foreach (Action call in (Action[])
        [
            () => AdapterHost.Attach(null!), () => host.Add("b", null!, 1), () => host.Add(null!, adapter.Config, 1),
            () => host.Load("b", null!), () => host.Load(null!, "x"), () => host.Activate(null!), () => host.Rows(null!),
            () => host.Delete(null!), () => host.Hold(null!), () => adapter.Save(null!), () => new Generator(null!, null),
            () => MergeInto.Kind(null!), () => Selector.Of(null!), () => Selector.Of("a", null!),
            () => Selector.AllLinear.Matches(null!), () => { Selector selector = ((string[])null!); }, () => LayerKinds.Of("a", null!),
            () => LayerKinds.Of(null!, model), () => Randomness.Zeros(null!), () => new Randomness(1).Uniform(null!, 1),
            () => new Randomness(1).Normals(null!, 1), () => LoraConfig.FromFile(null!), () => StoredAdapter.Open(null!),
            () => AdapterSection.Hint(null!), () => new GenerationOptions { Stop = null! }.Check(),
            () => new GenerationOptions { EndIds = null! }.Check(), () => method.Handles(null!),
            () => method.Create(null!, adapter.Config, new(1)), () => method.Create(layer, null!, new(1)),
            () => method.Create(layer, adapter.Config, null!), () => adapter.DifferencesFrom(null!), () => LoraConfig.FromJson(null!),
            () => Selector.OfPattern(null!), () => AdapterMethods.Of(null!), () => generator.Generate(null!, new()),
            () => generator.Generate([null!], new()), () => generator.Generate([new(null!)], new()), () => generator.Generate([], null!),
            () => model.Hidden((BlockInput)null!), () => model.Logits(null!), () => model.Embed(null!), () => model.FinalNorm(null!),
            () => SettingsBinder.Check(null!), () => Evaluator.Run(model, null!), () => Evaluator.Run(null!, []),
            () => new Trainer(null!, model, new AdapterTrainable(model, adapter), null!, null, null!),
        ])
            Assert.Throws<ArgumentNullException>(call);
        host.Detach();
    }

    [Fact]
    public void Every_call_tells_a_null_that_may_not_be()
    {
        using var model = ModelLoader.Load(Paths.Golden("models/llama"));
        var host = AdapterHost.Attach(model);
        var adapter = host.Add("a", new LoraConfig { TargetModules = Selector.AllLinear }, 1);
        using var hold = host.Hold("a test");
        string folder = Path.Combine(Paths.Temporary(), "a");
        adapter.Save(folder);
        using var stored = StoredAdapter.Open(folder);
        List<string> called = [], notTold = [];
        Type[] rooms = [typeof(AdapterHost), typeof(Generator), typeof(CausalLM)];
        foreach (var type in rooms.SelectMany(t => t.Assembly.GetExportedTypes()))
            foreach (var method in Methods(type, BindingFlags.Static)) Try(null, method);
        object[] instances = [host, adapter, adapter.Config, new Generator(model, null, host), model, hold, stored, new Randomness(1),
            Selector.Of("a"), Selector.AllLinear, AdapterMethods.Of(adapter.Config), MergeInto.Stored, new GenerationOptions(),
            new PrefixCache()];
        foreach (object instance in instances)
            foreach (var method in Methods(instance.GetType(), BindingFlags.Instance)) Try(instance, method);
        Assert.True(called.Count > 60, string.Join('\n', called));
        Assert.True(notTold.Count == 0, string.Join('\n', notTold));

        void Try(object? target, MethodInfo method)
        {
            var parameters = method.GetParameters();
            if (parameters.Any(p => p.ParameterType.IsByRef || p.ParameterType.IsPointer || p.ParameterType.IsByRefLike)) return;
            foreach (var parameter in parameters.Where(MayNotBeNull))
            {
                object?[] arguments = [.. parameters.Select(p => p == parameter ? null : Some(p))];
                // nothing here makes the others
                if (parameters.Where((p, k) => p != parameter && arguments[k] is null && !p.HasDefaultValue).Any()) continue;
                string call = $"{method.DeclaringType!.Name}.{method.Name}({parameter.Name})";
                called.Add(call);
                try { method.Invoke(target, arguments); }
                catch (TargetInvocationException e) when (e.InnerException is ArgumentNullException) { continue; }
                catch (TargetInvocationException e) { call += $": {e.InnerException}"; }
                notTold.Add(call);
            }
        }
    }

    private static IEnumerable<MethodInfo> Methods(Type type, BindingFlags which)
        => type.GetMethods(BindingFlags.Public | BindingFlags.DeclaredOnly | which)
            .Where(m => (!m.IsSpecialName || m.Name == "op_Implicit") && !m.ContainsGenericParameters);

    private static bool MayNotBeNull(ParameterInfo parameter)
        => !parameter.ParameterType.IsValueType && new NullabilityInfoContext().Create(parameter).WriteState == NullabilityState.NotNull;

    /// <summary>Something to give; null where nothing is made as easily.</summary>
    private static object? Some(ParameterInfo parameter)
    {
        if (parameter.HasDefaultValue) return parameter.DefaultValue;
        Type type = parameter.ParameterType;
        if (type == typeof(string)) return "absent";
        if (type.IsArray) return Array.CreateInstance(type.GetElementType()!, 0);
        if (type.IsValueType) return Activator.CreateInstance(type);
        if (type is { IsGenericType: true, IsInterface: true } && type.GetGenericArguments() is [var item]
            && Array.CreateInstance(item, 0) is var none && type.IsInstanceOfType(none)) return none;
        return type is { IsAbstract: false, IsInterface: false } && type != typeof(Thread) ? type.GetConstructor(Type.EmptyTypes)?.Invoke(null) : null;
    }
}
