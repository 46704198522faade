using LowRank.Tensors;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>A, B and B's bias of one layer, initialised as `init_lora_weights` says.</summary>
internal sealed record LoraFactors(Parameter A, Parameter B, Parameter? Bias)
{
    public static LoraFactors Create(BaseLayer layer, LoraConfig config, Randomness random)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(random);
        int rank = config.RankOf(layer.Name);
        if (layer.Refusal(rank) is { } refusal) throw refusal;
        if (config.LoraBias && layer.IsEmbedding)
            throw new BadInputException("lora_bias cannot be used on an embedding", layer.Name, remedy: "Leave out lora_bias, or do not target the embedding.");
        var (a, b) = layer.IsEmbedding ? Embedding(layer, config, random, rank) : Plain(layer, config, random, rank);
        return new LoraFactors(a, b, config.LoraBias ? Randomness.Zeros([layer.Outputs]) : null);
    }

    private static (Parameter, Parameter) Plain(BaseLayer layer, LoraConfig config, Randomness random, int rank)
    {
        long[] shapeA = layer.ShapeA(rank), shapeB = layer.ShapeB(rank);
        double kaiming = 1 / Math.Sqrt(layer.FanIn); // √(6 / ((1 + a²)·in)) with a = √5
        return config.Initialisation switch
        {
            LoraInitialisation.Gaussian => (random.Normals(shapeA, 1.0 / rank), Randomness.Zeros(shapeB)),
            LoraInitialisation.Orthogonal => Orthogonal(layer, config, random, rank),
            LoraInitialisation.None => (random.Uniform(shapeA, kaiming), random.Uniform(shapeB, 1 / Math.Sqrt(rank))),
            LoraInitialisation.LoftQ => LoftQ.Start(layer, config, rank),
            _ => (random.Uniform(shapeA, kaiming), Randomness.Zeros(shapeB)),
        };
    }

    private static (Parameter, Parameter) Embedding(BaseLayer layer, LoraConfig config, Randomness random, int rank)
    {
        long[] shapeA = layer.ShapeA(rank), shapeB = layer.ShapeB(rank);
        return config.Initialisation switch
        {
            LoraInitialisation.Orthogonal => Orthogonal(layer, config, random, rank),
            LoraInitialisation.None => (random.Normals(shapeA, 1), random.Normals(shapeB, 1)),
            _ => (Randomness.Zeros(shapeA), random.Normals(shapeB, 1)),
        };
    }

    // The rows of an orthogonal r x r matrix, even ones for B and odd ones for A, spread by random matrices: since the two sets are
    // orthogonal, BA = 0 while both factors are full. As PEFT does (datta0.github.io/posts/rethink-lora-init).
    private static (Parameter, Parameter) Orthogonal(BaseLayer layer, LoraConfig config, Randomness random, int rank)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        if (layer.ShapeA(rank).Length != 2 || layer.IsEmbedding)
            throw new BadInputException("the orthogonal initialisation is for linear layers only", layer.Name, remedy: "Choose init_lora_weights true, or target linear layers.");
        var (q, _) = linalg.qr(random.Normals([rank, rank], 1));
        var pairs = q.reshape(rank / 2, 2, rank);
        Tensor even = pairs.select(1, 0), odd = pairs.select(1, 1);
        Tensor a = random.Normals([layer.FanIn, rank / 2], 1).mm(odd).t(), b = random.Normals([rank / 2, layer.Outputs], 1).t().mm(even);
        double shrink = 0.1; // PEFT divides each factor by 10
        return (Randomness.Keep(Ops.Scale(a, shrink)), Randomness.Keep(Ops.Scale(b, shrink)));
    }

    /// <summary>scale·strength·B(A(x)), the factor taken where it is cheapest: on the low-rank middle.</summary>
    public Tensor Delta(BaseLayer layer, Tensor x, ScalarType dtype, double scale, double strength)
    {
        var low = layer.Down(x, A, dtype);
        if (Bias is not null) return Scaled(layer.Up(low, B, Bias), scale, strength);
        return layer.Up(Scaled(low, scale, strength), B, null);
    }

    /// <summary>The parameters by the ends of their keys.</summary>
    public IReadOnlyList<LayerParameter> Describe(BaseLayer layer)
    {
        List<LayerParameter> all = layer.IsEmbedding
            ? [new("lora_embedding_A", A, ParameterRole.EmbeddingA), new("lora_embedding_B", B, ParameterRole.EmbeddingB)]
            : [new("lora_A.weight", A, ParameterRole.A), new("lora_B.weight", B, ParameterRole.B)];
        if (Bias is not null) all.Add(new("lora_B.bias", Bias, ParameterRole.BBias));
        return all;
    }

    // At strength 1 the factor is a constant of the adapter and its rooted scalar is cheap; other strengths come and go.
    private static Tensor Scaled(Tensor x, double scale, double strength)
        => strength != 1 ? Ops.Scale(x, scale * strength) : scale == 1 ? x : x.mul(Scalars.Of(scale));
}
