using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Outlet.Tests;

/// <summary>The Hugging Face folder: its tokenizer encodes every row and gives it back, its weights are what its config says.</summary>
public class ScratchFolderTests(Generated generated) : IClassFixture<Generated>
{
    [Fact]
    public void Every_row_survives_the_written_tokenizer()
    {
        var tokenizer = new TokenizerReader(generated.Json("scratch/tokenizer.json"));
        foreach (string name in Generated.RowFiles)
            foreach (var row in generated.Rows(name))
                foreach (string text in new[] { row.Prompt, row.Continuation, $"{row.Prompt} {row.Completion}" })
                {
                    var ids = tokenizer.Encode(text);
                    Assert.All(ids, id => Assert.InRange(id, 2, 767));
                    Assert.Equal(text, tokenizer.Decode(ids));
                }
        Assert.Equal("naïve 東京 \t\n!", tokenizer.Decode(tokenizer.Encode("naïve 東京 \t\n!")));
    }

    [Fact]
    public void Sentences_are_short_in_tokens()
    {
        var tokenizer = new TokenizerReader(generated.Json("scratch/tokenizer.json"));
        foreach (string name in Generated.RowFiles)
            foreach (var row in generated.Rows(name))
            {
                Assert.InRange(tokenizer.Encode(row.Prompt).Count, 4, 40);
                Assert.InRange(tokenizer.Encode(row.Continuation).Count + 1, 2, 43);
            }
    }

    [Fact]
    public void The_vocabulary_holds_768_tokens_with_the_special_ones_first()
    {
        var json = generated.Json("scratch/tokenizer.json");
        var vocabulary = json.GetProperty("model").GetProperty("vocab").EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetInt32());
        Assert.Equal(Enumerable.Range(0, 768), vocabulary.Values.Order());
        Assert.Equal(510, json.GetProperty("model").GetProperty("merges").GetArrayLength());
        Assert.Equal(("<|end|>", 0), (json.GetProperty("added_tokens")[0].GetProperty("content").GetString(), vocabulary["<|end|>"]));
        Assert.Equal(("<|pad|>", 1), (json.GetProperty("added_tokens")[1].GetProperty("content").GetString(), vocabulary["<|pad|>"]));
        Assert.Equal(0, generated.Json("scratch/generation_config.json").GetProperty("eos_token_id").GetInt32());
        Assert.Equal("<|end|>", generated.Json("scratch/tokenizer_config.json").GetProperty("eos_token").GetString());
    }

    [Fact]
    public void The_weights_are_laid_out_without_holes_and_initialised_as_Transformers_does()
    {
        byte[] file = File.ReadAllBytes(Path.Combine(generated.Folder, "scratch/model.safetensors"));
        int headerLength = (int)BinaryPrimitives.ReadUInt64LittleEndian(file);
        Assert.Equal(0, headerLength % 8);
        using var header = JsonDocument.Parse(Encoding.UTF8.GetString(file, 8, headerLength));
        long end = 0, parameters = 0;
        foreach (var tensor in header.RootElement.EnumerateObject().Where(t => t.Name != "__metadata__"))
        {
            int[] shape = [.. tensor.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt32())];
            long[] offsets = [.. tensor.Value.GetProperty("data_offsets").EnumerateArray().Select(o => o.GetInt64())];
            Assert.Equal((end, "F32"), (offsets[0], tensor.Value.GetProperty("dtype").GetString()));
            end = offsets[1];
            int count = shape.Aggregate(1, (a, b) => a * b);
            Assert.Equal(4L * count, offsets[1] - offsets[0]);
            parameters += count;

            var values = MemoryMarshal.Cast<byte, float>(file.AsSpan(8 + headerLength + (int)offsets[0], 4 * count)).ToArray();
            if (shape.Length == 1) Assert.All(values, v => Assert.Equal(1f, v));
            else
            {
                Assert.InRange(values.Average(), -0.001, 0.001);
                Assert.InRange(Math.Sqrt(values.Average(v => (double)v * v)), 0.0195, 0.0205);
            }
        }
        Assert.Equal(file.Length, 8 + headerLength + end);
        Assert.Equal(1_082_496, parameters);
    }
}
