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
        object[] instances = [host, adapter, adapter.Config, new Generator(model, null, host), model];
        var calls = new[] { typeof(AdapterHost), typeof(Generator) }.Select(t => t.Assembly).SelectMany(l => l.GetExportedTypes()).SelectMany(t => t.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)).Where(m => !m.IsSpecialName && !m.ContainsGenericParameters)
            .Select(m => ((object?)null, (MethodBase)m))
            .Concat(instances.SelectMany(i => i.GetType().GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly).Where(m => !m.IsSpecialName && !m.ContainsGenericParameters).Select(m => ((object?)i, (MethodBase)m))));
        var context = new NullabilityInfoContext();
        List<string> silent = [];
        int called = 0;
        foreach (var (target, method) in calls)
        {
            var parameters = method.GetParameters();
            if (parameters.Any(p => p.ParameterType.IsByRef || p.ParameterType.IsPointer || p.ParameterType.IsByRefLike)) continue;
            for (int i = 0; i < parameters.Length; i++)
            {
                if (parameters[i].ParameterType.IsValueType || context.Create(parameters[i]).WriteState != NullabilityState.NotNull) continue;
                object?[] arguments = [.. parameters.Select((p, k) => k == i ? null : Some(p))];
                if (arguments.Where((a, k) => k != i && a is null && !parameters[k].HasDefaultValue).Any()) continue; // nothing here makes the others
                called++;
                try { method.Invoke(target, arguments); }
                catch (TargetInvocationException e) when (e.InnerException is NullReferenceException) { silent.Add($"{method.DeclaringType!.Name}.{method.Name}({parameters[i].Name})"); }
                catch (TargetInvocationException) { }
            }
        }
        Assert.True(called > 25, $"{called}");
        Assert.True(silent.Count == 0, string.Join('\n', silent));
    }

    private static object? Some(ParameterInfo parameter)
    {
        if (parameter.HasDefaultValue) return parameter.DefaultValue;
        Type type = parameter.ParameterType;
        if (type == typeof(string)) return "absent";
        if (type.IsArray) return Array.CreateInstance(type.GetElementType()!, 0);
        if (type.IsValueType) return Activator.CreateInstance(type);
        if (type.IsGenericType && type.IsInterface && type.GetGenericArguments() is [var item] && Array.CreateInstance(item, 0) is var none && type.IsInstanceOfType(none)) return none;
        return type is { IsAbstract: false, IsInterface: false } && type.GetConstructor(Type.EmptyTypes) is { } make && !type.Name.Contains("Thread", StringComparison.Ordinal) ? make.Invoke(null) : null;
    }
}
