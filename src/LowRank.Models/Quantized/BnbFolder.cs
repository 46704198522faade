using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank.Models;

/// <summary>Quantised projections as bitsandbytes' integration in Transformers stores them.</summary>
internal static class BnbFolder
{
    /// <summary>Checks that a model can be written so, and gives one of its quantised weights, which all others are like.</summary>
    /// <exception cref="BadInputException">It is not quantised, not to one of bitsandbytes' kinds, or not throughout.</exception>
    public static QuantizedWeight Check(CausalLM model)
    {
        const string Remedy = "Write it expanded, or load the plain model with quantize: nf4.";
        var all = model.Stored().Where(w => IsInBlocks(model, w.Weight)).Select(w => (w.Name, Weight: w.Weight.Quantized!)).ToList();
        if (all.Count == 0) throw new BadInputException("the model is not quantised", place: model.Source, remedy: "Load it with quantize: nf4, or write it plainly.");
        if (model.Spec.TransposedLinear) throw new BadInputException("bitsandbytes stores this family's projections turned over, which is not written", model.Spec.ModelType, model.Source, remedy: "Write it expanded.");
        foreach (var (name, weight) in all)
            if (weight is not (Bnb4Weight or Int8Weight)) throw new BadInputException("a quantised folder holds bitsandbytes' kinds only", $"{name}: {weight.Kind}", model.Source, "nf4, fp4 (with -double too) or int8", Remedy);
        if (all.FirstOrDefault(w => Form(w.Weight) != Form(all[0].Weight)) is { Name: not null } other)
            throw new BadInputException("the projections are quantised to different kinds, which a quantised folder cannot say", $"{other.Name}: {other.Weight.Kind}, {all[0].Name}: {all[0].Weight.Kind}", model.Source, remedy: Remedy);
        if (model.Projections().FirstOrDefault(p => p.Module is { IsOutputEmbedding: false, Quantized: null }) is { Name: not null } plain)
            throw new BadInputException("some projections are not quantised, which a quantised folder would lose", plain.Name, model.Source, remedy: "Merge with --requantize, or write it expanded.");
        return all[0].Weight;
    }

    /// <summary>Whether a weight is written in its blocks: not the tables, which Transformers reads plain whatever the projections are in.</summary>
    public static bool IsInBlocks(CausalLM model, StoredWeight weight) => weight.Quantized is not null && !model.IsTable(weight);

    /// <summary>The tensors of one weight.</summary>
    public static IEnumerable<(string Name, ScalarType DType, long[] Shape, Func<Tensor> Read)> Tensors(string name, QuantizedWeight weight)
    {
        var parts = weight is Bnb4Weight four ? four.Save(name) : ((Int8Weight)weight).Save(name);
        return parts.Select(p => (p.Name, p.Tensor.dtype, p.Tensor.shape, (Func<Tensor>)(() => p.Tensor)));
    }

    private static (string, int) Form(QuantizedWeight weight) => weight is Bnb4Weight four ? (four.Kind, four.BlockSize) : (weight.Kind, 0);
}
