using LowRank.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace LowRank.Training;

/// <summary>
/// Changes parameters by their gradients. The state is float32; a parameter stored in fewer bits gets a float32 master copy, which
/// the steps add up in, so that small steps are not rounded away.
/// </summary>
// add and square without an explicit alpha make a Scalar of their own inside TorchSharp, hence Scalars.One in the steps.
public abstract class Optimizer : IDisposable
{
    private readonly List<Entry[]> _entries = [];

    /// <summary>Keeps the groups; the derived constructor calls <see cref="Prepare"/> when its own settings stand.</summary>
    /// <exception cref="ArgumentException">A group's name or a parameter occurs twice, or there is no parameter.</exception>
    protected Optimizer(IReadOnlyList<ParameterGroup> groups)
    {
        if (groups.Select(g => g.Name).Distinct().Count() != groups.Count) throw new ArgumentException("two parameter groups have the same name", nameof(groups));
        var all = groups.SelectMany(g => g.Parameters).ToList();
        if (all.Count == 0) throw new ArgumentException("there is no parameter to train", nameof(groups));
        if (all.Select(p => p.Handle).Distinct().Count() != all.Count) throw new ArgumentException("a parameter is in the groups twice", nameof(groups));
        Groups = groups;
    }

    /// <summary>The groups, in order.</summary>
    public IReadOnlyList<ParameterGroup> Groups { get; }

    /// <summary>Takes one step with the gradients that the parameters hold; a parameter without one is left alone, its state too.</summary>
    /// <param name="learningRate">The schedule's rate, which each group multiplies with its factor.</param>
    public void Step(double learningRate)
    {
        using var noGradients = no_grad();
        using var scope = NewDisposeScope();
        for (int g = 0; g < Groups.Count; g++)
        {
            var active = new List<Entry>(_entries[g].Length);
            foreach (var entry in _entries[g])
            {
                if (entry.Parameter.grad is not { } gradient) continue;
                entry.Gradient = gradient.dtype == ScalarType.Float32 ? gradient : gradient.to_type(ScalarType.Float32);
                active.Add(entry);
            }
            if (active.Count == 0) continue;
            Update(active, learningRate * Groups[g].RateFactor, Groups[g].WeightDecay);
            foreach (var entry in active)
            {
                if (entry.Master is { } master) entry.Parameter.copy_(master);
                entry.Gradient = null!;
            }
        }
    }

    /// <summary>Drops all gradients, so that the next backward pass starts anew.</summary>
    public void ZeroGradients()
    {
        using var noGradients = no_grad();
        using var scope = NewDisposeScope();
        foreach (var entry in _entries.SelectMany(e => e))
            if (entry.Parameter.grad is not null) entry.Parameter.grad = null;
    }

    /// <summary>All state by stable names "group.index.slot": with the parameters, everything a resumed run needs. The tensors are the live ones.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> State()
        => [.. Groups.SelectMany((group, g) => _entries[g].SelectMany((entry, i) => entry.Named().Select(s => ($"{group.Name}.{i}.{s.Name}", s.Tensor))))];

    /// <summary>Takes back, bit for bit, what <see cref="State"/> gave.</summary>
    /// <exception cref="BadInputException">Names, shapes or dtypes are not this optimizer's: all differences are listed, nothing is changed.</exception>
    public void Restore(IReadOnlyDictionary<string, Tensor> state)
    {
        var own = State();
        var errors = new List<BadInputException>();
        foreach (var (name, tensor) in own)
        {
            if (!state.TryGetValue(name, out var saved)) errors.Add(new BadInputException("the optimizer's state lacks a tensor", place: name));
            else if (!saved.shape.SequenceEqual(tensor.shape) || saved.dtype != tensor.dtype)
                errors.Add(new BadInputException("a tensor of the optimizer's state does not fit", Describe(saved), name, Describe(tensor)));
        }
        var names = own.Select(s => s.Name).ToHashSet();
        errors.AddRange(state.Keys.Where(k => !names.Contains(k)).Select(k => new BadInputException("the optimizer's state has a tensor too many", place: k)));
        if (errors.Count > 0) throw BadInputException.All("the saved optimizer does not fit this run", errors);

        using var noGradients = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (name, tensor) in own) tensor.copy_(state[name]);
    }

    /// <summary>Frees the state; the parameters stay.</summary>
    public void Dispose()
    {
        foreach (var entry in _entries.SelectMany(e => e))
        {
            foreach (var slot in entry.State) slot.Dispose();
            entry.Master?.Dispose();
        }
        _entries.Clear();
        GC.SuppressFinalize(this);
    }

    /// <summary>The names of a parameter's state tensors, in the order of <see cref="NewState"/>.</summary>
    private protected abstract IReadOnlyList<string> SlotNames(Tensor target);

    /// <summary>Fresh float32 state tensors for a parameter, made once.</summary>
    private protected abstract Tensor[] NewState(Tensor target);

    /// <summary>Changes the targets in place; runs without gradients, in a scope.</summary>
    private protected abstract void Update(IReadOnlyList<Entry> entries, double rate, double weightDecay);

    /// <summary>Makes the state of every parameter.</summary>
    private protected void Prepare()
    {
        using var noGradients = no_grad();
        using var scope = NewDisposeScope();
        foreach (var group in Groups)
            _entries.Add([.. group.Parameters.Select(p =>
            {
                var master = p.dtype == ScalarType.Float32 ? null : p.detach().to_type(ScalarType.Float32).DetachFromDisposeScope();
                var target = master ?? p;
                Tensor[] state = [.. NewState(target).Select(t => t.DetachFromDisposeScope())];
                return new Entry(p, master, state, SlotNames(target));
            })]);
    }

    private protected static Tensor ZerosLike(Tensor target) => zeros(target.shape, dtype: ScalarType.Float32, device: target.device);

    /// <summary>A counter of steps taken, one float32 element as the fused kernels want it.</summary>
    private protected static Tensor NewCounter(Device device) => zeros([1], dtype: ScalarType.Float32, device: device);

    private static string Describe(Tensor t) => $"{t.dtype} [{string.Join(", ", t.shape)}]";

    /// <summary>One parameter and its state.</summary>
    private protected sealed class Entry(Tensor parameter, Tensor? master, Tensor[] state, IReadOnlyList<string> names)
    {
        public readonly Tensor Parameter = parameter;
        public readonly Tensor? Master = master;
        public readonly Tensor[] State = state;
        /// <summary>This step's gradient, float32; set only during a step.</summary>
        public Tensor Gradient = null!;

        /// <summary>What the step changes, float32.</summary>
        public Tensor Target => Master ?? Parameter;

        public IEnumerable<(string Name, Tensor Tensor)> Named()
        {
            for (int i = 0; i < State.Length; i++) yield return (names[i], State[i]);
            if (Master is not null) yield return ("master", Master);
        }
    }
}
