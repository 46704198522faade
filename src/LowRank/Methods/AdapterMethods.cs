using LowRank.Tensors;

namespace LowRank;

/// <summary>A way of adapting a layer.</summary>
public interface IAdapterMethod
{
    /// <summary>Its name in messages and tables.</summary>
    string Name { get; }
    /// <summary>Whether a configuration asks for it.</summary>
    bool Handles(LoraConfig config);
    /// <summary>Makes the adapter's part on one layer, its parameters initialised.</summary>
    /// <exception cref="BadInputException">The method cannot sit on this layer.</exception>
    AdapterLayer Create(BaseLayer layer, LoraConfig config, Randomness random);
}

/// <summary>The table of adapter methods; a new method is a file and a row.</summary>
public static class AdapterMethods
{
    private static readonly IAdapterMethod[] All = [new LoraMethod(), new DoraMethod()];

    /// <summary>The methods' names.</summary>
    public static IEnumerable<string> Names => All.Select(m => m.Name);

    /// <summary>The method that a configuration asks for.</summary>
    public static IAdapterMethod Of(LoraConfig config) => config is null ? throw new ArgumentNullException(nameof(config)) : All.Single(m => m.Handles(config));
}
