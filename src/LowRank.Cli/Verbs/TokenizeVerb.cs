using System.CommandLine;
using LowRank.Tensors;
using LowRank.Text;

namespace LowRank.Cli.Verbs;

/// <summary>`tokenize`: text to ids and back, exactly as training and generation see it.</summary>
internal static class TokenizeVerb
{
    public static Command Create()
    {
        var common = new CommonOptions();
        Option<string> texts = new("--texts") { Description = "a JSON list of texts or of {text, pair?, special_tokens?}, {ids, keep_special?}, {batch, ...}" };
        Option<bool> plain = new("--no-special-tokens") { Description = "special_tokens is false unless an item says otherwise" };
        var verb = new Command("tokenize", "Text to token ids and back.") { texts, plain };
        common.AddTo(verb, compute: false);
        verb.SetAction(parsed =>
        {
            string file = CommonOptions.Require(parsed, texts);
            var result = new TokenizeJob(Tokenizer.Of(ModelPlace.Of(common.RequireModel(parsed))), !parsed.GetValue(plain)).Run(TextFile.Read(file), file);
            if (parsed.GetValue(common.Json)) Output.Json(result);
            else foreach (var item in result) Console.Out.WriteLine(item!["ids"]?.ToJsonString() ?? item.ToJsonString());
            return 0;
        });
        return verb;
    }
}
