using LowRank.Models;
using LowRank.Tensors;
using LowRank.TestKit;
using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

/// <summary>Rows beyond a model's positions, in everything that reads data.</summary>
public class PositionTests
{
    // 4, 6 and 10 tokens
    private static readonly string Rows = Write("x.jsonl", "{\"text\": \"ab\"}\n{\"text\": \"abcd\"}\n{\"text\": \"abcdefgh\"}\n");

    [Fact]
    public void A_row_beyond_learned_positions_is_an_error_of_that_row()
    {
        DataOptions options = new(Rows) { Positions = new(5, Learned: true), MaxLength = 8 };
        var error = Assert.Throws<BadInputException>(() => RowSet.Load(options, 1 << 16, Letters));
        Assert.Contains($"{Rows}:2: a row is longer than the model's learned positions (got 6 tokens); expected 5 at most. Set max_length: 5",
            error.Message);
        Assert.Contains($"{Rows}:3: a row is longer than the model's learned positions (got 8 tokens)", error.Message); // once cut
        var survey = DataSurvey.Of(options, null, Letters, 1 << 16, null, 0);
        Assert.Equal((1, 2, true), (survey.Rows, survey.BadRows, survey.Refused));
        Assert.Equal(3, RowSet.Load(options with { MaxLength = 5 }, 1 << 16, Letters).Rows.Count);
        Assert.Equal((1, 2), (RowSet.Load(options with { SkipBadRows = true }, 1 << 16, Letters) is var left ? left.Rows.Count : 0,
            left.Tally.Skipped));
    }

    [Fact]
    public void Rows_beyond_what_was_trained_are_told()
    {
        DataOptions options = new(Rows) { Positions = new(5, Learned: false) };
        string note = $"2 rows are longer than the 5 positions that the model was made for (up to 10 tokens, the first at {Rows}:2); max_length: 5 would cut them";
        Assert.Equal(note, Assert.Single(RowSet.Load(options, 1 << 16, Letters).Notes));
        Assert.Equal(note, Assert.Single(DataSurvey.Of(options, null, Letters, 1 << 16, null, 0).Notes));
        Assert.Empty(RowSet.Load(options with { MaxLength = 5 }, 1 << 16, Letters).Notes);
        Assert.Empty(RowSet.Load(options with { Positions = new(10, Learned: false) }, 1 << 16, Letters).Notes);
    }

    [Fact]
    public void A_models_positions_are_learned_or_as_far_as_its_rotation_was_scaled()
    {
        DecoderSpec Of(string family) => ModelLoader.Describe(Paths.Golden("models/" + family)).Spec;
        var gpt2 = Of("gpt2");
        Assert.Equal(new PositionLimit(gpt2.MaxPositions, true), PositionLimit.Of(gpt2));
        var llama = Of("llama");
        Assert.Equal(new PositionLimit(llama.MaxPositions, false), PositionLimit.Of(llama));
        RopeSpec yarn = llama.Ropes[0] with { Kind = RopeKind.Yarn, Factor = 4, TrainedPositions = llama.MaxPositions };
        Assert.Equal(4 * llama.MaxPositions, PositionLimit.Of(llama with { Ropes = [yarn] })!.Most);
        Assert.Null(PositionLimit.Of(llama with { Ropes = [] }));
    }
}
