using static LowRank.Training.Tests.DataKit;

namespace LowRank.Training.Tests;

/// <summary>Rows of ids with the masks that tokenising programs write beside them.</summary>
public class TokenRowTests
{
    [Theory]
    [InlineData("""{"input_ids": [97, 98, 99]}""", "[abc]")]
    [InlineData("""{"input_ids": [1, 1, 97, 98, 99], "attention_mask": [0, 0, 1, 1, 1]}""", "[abc]")]
    [InlineData("""{"input_ids": [97, 98, 99, 1, 1], "attention_mask": [1, 1, 1, 0, 0]}""", "[abc]")]
    [InlineData("""{"input_ids": [1, 97, 98, 99, 1], "attention_mask": [false, true, true, true, false], "labels": [-100, -100, 98, 99, -100]}""", "a[bc]")]
    [InlineData("""{"input_ids": [1, 97, 98, 99], "attention_mask": "[0, 1, 1, 1]", "labels": [1, -100, 98, 99]}""", "a[bc]")] // a label on padding is none
    [InlineData("""{"input_ids": [97, 98, 99], "completion_mask": [0, 0, 1]}""", "ab[c]")]
    [InlineData("""{"input_ids": [97, 98, 99, 100], "assistant_masks": [0, 1, 0, 1], "length": 4}""", "a[b]c[d]")]
    [InlineData("""{"input_ids": [97, 98, 99], "loss_mask": [0.0, 1.0, 1]}""", "a[bc]")]
    [InlineData("""{"input_ids": [97, 98, 99, 100], "labels": [-100, 98, 99, 100], "completion_mask": [1, 1, 1, 0], "assistant_mask": [1, 0, 1, 1]}""", "ab[c]d")]
    [InlineData("""{"input_ids": [1, 97, 98], "attention_mask": [0, 1, 1], "completion_mask": [0, 0, 1], "position_ids": [0, 0, 1], "token_type_ids": [0, 0, 0], "special_tokens_mask": [1, 0, 0], "seq_lengths": [2]}""", "a[b]")]
    public void Masks_decide_what_is_read_and_learnt(string row, string shown) => Assert.Equal(shown, Shown(row));

    [Theory]
    [InlineData("""{"input_ids": [97, 98], "attention_mask": [1]}""", "\"attention_mask\" is not as long as \"input_ids\"")]
    [InlineData("""{"input_ids": [97, 98], "labels": [1, 2, 3]}""", "\"labels\" is not as long")]
    [InlineData("""{"input_ids": [97, 98], "completion_mask": []}""", "not as long")]
    [InlineData("""{"input_ids": [97, 98], "special_tokens_mask": [1]}""", "not as long")]
    [InlineData("""{"input_ids": [97, 98], "position_ids": [0]}""", "not as long")]
    [InlineData("""{"input_ids": [97, 98], "attention_mask": [0, 0]}""", "leaves no token")]
    [InlineData("""{"input_ids": [97, 98, 99], "attention_mask": [1, 0, 1]}""", "a gap between tokens, which is not computed (got 0 at 1")]
    [InlineData("""{"input_ids": [97, 98], "attention_mask": [1, 2]}""", "got 2")]
    [InlineData("""{"input_ids": [97, 98], "loss_mask": [0.5, 1]}""", "got 0.5")]
    [InlineData("""{"input_ids": [97, 98], "loss_mask": 0}""", "not a list")]
    [InlineData("""{"input_ids": [97, 98], "loss_mask": [0, 0]}""", "no target")]
    [InlineData("""{"input_ids": [97, 98, 99, 100], "position_ids": [0, 1, 0, 1]}""", "got 0 at 2")]
    [InlineData("""{"input_ids": [97, 98, 99, 100], "seq_lengths": [2, 2]}""", "several documents in one row (got [2, 2])")]
    [InlineData("""{"input_ids": [97, 98], "token_type_ids": [0, 1]}""", "segments")]
    [InlineData("""{"input_ids": [97, 98], "offset_mapping": [[0, 1], [1, 2]]}""", "offset_mapping")]
    [InlineData("""{"input_ids": [97, 98], "weight": 0.5}""", "got 0.5")]
    [InlineData("""{"input_ids": [97, 98], "atention_mask": [0, 1]}""", "'attention_mask'")]
    [InlineData("""{"input_ids": [[97, 98]]}""", "not a token id")]
    public void Masks_that_cannot_be_done_are_refused(string row, string says) => Assert.Contains(says, Shown(row));
}
