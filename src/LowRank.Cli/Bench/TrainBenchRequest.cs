namespace LowRank.Cli.Bench;

/// <summary>What `bench train` is asked to measure; checked already.</summary>
internal sealed record TrainBenchRequest
{
    /// <summary>One of <see cref="TrainBench.Shapes"/>; null where a model is given.</summary>
    public string? Shape { get; init; }
    /// <summary>A model as --model takes it; null: a shape.</summary>
    public string? Model { get; init; }
    /// <summary>Rows of a step.</summary>
    public required int Batch { get; init; }
    /// <summary>Tokens of a row; null: 512, or fewer where the model has fewer positions.</summary>
    public int? Length { get; init; }
    /// <summary>The adapter's rank.</summary>
    public required int Rank { get; init; }
    /// <summary>Measured steps of each mode.</summary>
    public required int Steps { get; init; }
    /// <summary>0: as libtorch chooses.</summary>
    public required int Threads { get; init; }
    /// <summary>Some of <see cref="TrainBench.Modes"/>.</summary>
    public required IReadOnlyList<string> Modes { get; init; }
    /// <summary>auto, float32 or bfloat16.</summary>
    public required string Dtype { get; init; }
    /// <summary>What qlora's base is kept in.</summary>
    public required string Quantize { get; init; }
    /// <summary>The setting `memory`; null: left out.</summary>
    public string? Memory { get; init; }
    /// <summary>No progress.</summary>
    public bool Quiet { get; init; }
}
