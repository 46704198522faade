using LowRank.TestKit;

namespace LowRank.Training.Tests;

/// <summary>The step by hand on lesser processors: a few rows of its law.</summary>
public class FastVariantTests
{
    public static TheoryData<string> Names => [.. ProcessorVariants.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_law_holds_there(string name) => ProcessorVariants.Run(name, typeof(FastVariantTests), "*.FastLawTests", "*.VariantCheck");
}

/// <summary>Holds in any process; in a child it says that the variables worked.</summary>
public class VariantCheck
{
    [Fact] public void This_process_is_what_it_was_started_as() => ProcessorVariants.CheckThisProcess();
}
