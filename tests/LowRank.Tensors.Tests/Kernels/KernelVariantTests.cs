namespace LowRank.Tensors.Tests;

/// <summary>The kernels on lesser processors.</summary>
public class KernelVariantTests
{
    public static TheoryData<string> Names => [.. ProcessorVariants.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Kernels_are_the_same_there(string name) => ProcessorVariants.Run(name, typeof(KernelVariantTests), "*.LaneTests", "*KernelTests", "*.PanelTests", "*.TileProductTests", "*.VariantCheck");
}

/// <summary>Holds in any process; in a child it says that the variables worked.</summary>
public class VariantCheck
{
    [Fact] public void This_process_is_what_it_was_started_as() => ProcessorVariants.CheckThisProcess();
}
