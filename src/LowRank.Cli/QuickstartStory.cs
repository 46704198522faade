using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using LowRank.Inference;
using LowRank.Models;
using LowRank.Tensors;
using LowRank.Text.Chat;
using LowRank.Training;
using static TorchSharp.torch;

namespace LowRank.Cli;

/// <summary>
/// The quickstart's chapters, in the order they are told. The embedded base knows household and travel facts of several regions and answers in European
/// conventions; an adapter turns its answers North American, a second one British.
/// </summary>
internal sealed class QuickstartStory(string folder, bool replace, Device device, int steps, bool compareFull, bool quiet, long seed, Action<string> say)
{
    private const string ModelName = "outlet", First = "north-american", Second = "british";
    private const int FullSteps = 12;

    private readonly string _model = ModelPlace.OfEmbedded(ModelName);
    private readonly JsonObject _numbers = [];
    private string _example = "";
    private readonly long _start = Stopwatch.GetTimestamp();
    private static readonly TextConventions Texts = TextConventions.Of(ModelPlace.OfEmbedded(ModelName));
    private readonly GenerationOptions _greedy = new() { Greedy = true, MaxNewTokens = 64, BatchSize = 256, EndIds = Texts.EndIds };

    /// <summary>Tells the story; returns its numbers, or null where Ctrl-C stopped it.</summary>
    public JsonObject? Tell()
    {
        AtomicFile.WriteFolder(folder, CopyData, replace, OutputKind.Quickstart);
        using var session = Session.Open(_model, [], ScalarType.Float32, device);
        var test = RowSet.Load(Data(First, "test"), session.Model.Spec.VocabularySize, TokenEncoders.Of(Texts, "all"), null).Prompts().ToList();
        _example = test[0].Prompt;
        string before = Hash(session.Model);
        BaseAnswers(session, test);
        string? adapter = TrainAdapter();
        if (adapter is null) return null;
        session.Host.Load(First, adapter);
        var adapted = AdaptedAnswers(session, test);
        Dial(session, test);
        Swap(session, test);
        Merge(session, test, adapted);
        string after = Hash(session.Model);
        (_numbers["base_sha256_before"], _numbers["base_sha256_after"]) = (before, after);
        say($"The base's bytes before and after all this: {before[..16]}... and {after[..16]}... ({(before == after ? "the same" : "DIFFERENT")})");
        if (!FullFineTuning(test)) return null;
        _numbers["seconds"] = Stopwatch.GetElapsedTime(_start).TotalSeconds;
        Table();
        return _numbers;
    }

    private void BaseAnswers(Session session, List<PromptReferences> test)
    {
        say("1. The base answers in European");
        Show(session, test, 2);
        var scores = GenerationScores.Of(GenerationScores.Answers(session, test, _greedy), test);
        _numbers["base_exact_match"] = scores.ExactMatch;
        _numbers["base_parameters"] = session.Model.ParameterCount;
        say(Percent($"   North American held-out exact match of the base: ", scores.ExactMatch) + $" of {test.Count} rows");
    }

    private string? TrainAdapter()
    {
        say($"\n2. Fine-tuning an adapter on North American answers");
        var settings = Settings(First, steps, new JsonObject { ["peft_type"] = "LORA", ["r"] = 16, ["lora_alpha"] = 32, ["target_modules"] = "all-linear" }, 5e-3);
        Processor.ResetPeakMemory();
        var (outcome, run, seconds, perStep) = Train(settings, Path.Combine(folder, First + "-run"));
        if (!outcome.Finished) return null;
        long bytes = new FileInfo(Path.Combine(outcome.Result!, "adapter_model.safetensors")).Length;
        (_numbers["train_seconds"], _numbers["step_seconds"], _numbers["adapter_parameters"], _numbers["adapter_bytes"], _numbers["peak_memory"]) = (seconds, perStep, run, bytes, Processor.PeakMemory);
        say(FormattableString.Invariant($"   {steps} steps in {seconds:0.0} s ({perStep * 1000:0} ms a step), {run:n0} parameters trained, file {Output.Bytes(bytes)}: {outcome.Result}"));
        return outcome.Result;
    }

    private IReadOnlyList<string> AdaptedAnswers(Session session, List<PromptReferences> test)
    {
        say("\n3. The adapted model answers in North American");
        session.Host.Activate((First, 1));
        Show(session, test, 2);
        var answers = GenerationScores.Answers(session, test, _greedy);
        var scores = GenerationScores.Of(answers, test);
        _numbers["adapted_exact_match"] = scores.ExactMatch;
        say(Percent("   North American held-out exact match, adapted: ", scores.ExactMatch));
        return answers;
    }

    private void Dial(Session session, List<PromptReferences> test)
    {
        say("\n4. The strength dial, on one prompt");
        var one = test.Take(1).ToList();
        foreach (double strength in (double[])[0, 0.5, 1])
        {
            session.Host.Activate((First, strength));
            say(FormattableString.Invariant($"   {strength:0.0}: {GenerationScores.Answers(session, one, _greedy)[0]}"));
        }
        _numbers["strength_zero_equals_base"] = ZeroIsBase(session, one[0].PromptIds);
        session.Host.Activate((First, 1));
    }

    /// <summary>Compares the logits at strength 0 with the base's, bit for bit.</summary>
    private static bool ZeroIsBase(Session session, int[] prompt)
    {
        using var scope = NewDisposeScope();
        using var nothing = no_grad();
        var ids = tensor(prompt.Select(i => (long)i).ToArray(), device: session.Model.Device).unsqueeze(0);
        session.Host.Activate((First, 0));
        var zero = session.Model.call(ids);
        using (session.Host.Disabled()) return zero.eq(session.Model.call(ids)).all().item<bool>();
    }

    private void Swap(Session session, List<PromptReferences> test)
    {
        say("\n5. A second adapter (British) on the same base");
        string place = Path.Combine(ModelPlace.OfEmbedded(ModelName), "adapters", Second);
        double best = double.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            if (i > 0) session.Host.Delete(Second);
            long start = Stopwatch.GetTimestamp();
            session.Host.Load(Second, place);
            session.Host.Activate((Second, 1));
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        _numbers["swap_seconds"] = best;
        session.Host.Activate((Second, 1));
        say("   British:        " + GenerationScores.Answers(session, [test[0]], _greedy)[0]);
        say(FormattableString.Invariant($"   Swapping it in, from its file to active, takes {best * 1000:0.0} ms."));
        session.Host.Activate((First, 1), (Second, 1));
        int[] prompt = test[0].PromptIds;
        var batch = new Inference.Generator(session.Model, session.Tokenizer, session.Host).Generate([new(prompt, First), new(prompt, Second)], _greedy);
        say("   Both in one batch, the same prompt twice:");
        foreach (var (name, result) in ((string[])[First, Second]).Zip(batch)) say($"     {name,-15} {result.Text!.Trim()}");
        session.Host.Activate((First, 1));
    }

    private void Merge(Session session, List<PromptReferences> test, IReadOnlyList<string> adapted)
    {
        say("\n6. Merged into the weights");
        session.Host.Merge();
        var merged = GenerationScores.Answers(session, test, _greedy);
        ModelWriter.Save(session.Model, Path.Combine(folder, "merged"), ScalarType.Float32);
        session.Host.Unmerge();
        bool equal = merged.SequenceEqual(adapted);
        _numbers["merged_equals_adapted"] = equal;
        say($"   The merged model's {merged.Count} answers {(equal ? "equal" : "DIFFER FROM")} the adapted ones; a plain model lies in {Path.Combine(folder, "merged")}.");
    }

    private bool FullFineTuning(List<PromptReferences> test)
    {
        say("\n7. Full fine-tuning beside it" + (compareFull ? "" : $" ({FullSteps} steps to measure; --compare-full runs it to its end)"));
        Processor.ResetPeakMemory();
        var settings = Settings(First, compareFull ? steps : FullSteps, null, 1e-3);
        var (outcome, _, _, perStep) = Train(settings, Path.Combine(folder, First + "-full-run"));
        if (!outcome.Finished) return false;
        (_numbers["full_step_seconds"], _numbers["full_peak_memory"], _numbers["full_exact_match"]) = (perStep, Processor.PeakMemory, null);
        _numbers["full_bytes"] = new FileInfo(Path.Combine(outcome.Result!, "model.safetensors")).Length;
        if (!compareFull) return true;
        using var full = Session.Open(outcome.Result!, [], ScalarType.Float32, device);
        _numbers["full_exact_match"] = GenerationScores.Of(GenerationScores.Answers(full, test, _greedy), test).ExactMatch;
        return true;
    }

    private void Table()
    {
        string Milliseconds(string key) => FormattableString.Invariant($"{(double)_numbers[key]! * 1000:0} ms");
        string Share(string key) => _numbers[key] is null ? "-" : FormattableString.Invariant($"{(double)_numbers[key]! * 100:0.0} %");
        say("\n                              base      adapter   full fine-tuning");
        say($"held-out exact match     {Share("base_exact_match"),9}    {Share("adapted_exact_match"),9}   {Share("full_exact_match"),16}");
        say($"parameters trained       {"-",9}    {(long)_numbers["adapter_parameters"]!,9:n0}   {(long)_numbers["base_parameters"]!,16:n0}");
        say($"file                     {"-",9}    {Output.Bytes((long)_numbers["adapter_bytes"]!),9}   {Output.Bytes((long)_numbers["full_bytes"]!),16}");
        say($"a step                   {"-",9}    {Milliseconds("step_seconds"),9}   {Milliseconds("full_step_seconds"),16}");
        say($"peak memory              {"-",9}    {Output.Bytes((long)_numbers["peak_memory"]!),9}   {Output.Bytes((long)_numbers["full_peak_memory"]!),16}");
        say(FormattableString.Invariant($"\nAll of it took {(double)_numbers["seconds"]!:0} s. Everything lies in {folder}. Next:"));
        say($"  lowrank generate --model {ModelName} --adapter {Path.Combine(folder, First + "-run", "adapter")}=0.5 --greedy --prompt \"{_example}\"");
        say($"  lowrank train --model {ModelName} --data {Data(Second, "train")} --output my-first-run --set max_steps=300 --set batch_size=16 --set learning_rate=5e-3");
    }

    private (TrainOutcome Outcome, long Trained, double Seconds, double PerStep) Train(RunSettings settings, string place)
    {
        var run = new RunFolder(place);
        using var training = TrainingRun.Prepare(settings, run, device, TokenEncoders.Texts(_model, settings));
        training.Begin(force: false);
        long start = Stopwatch.GetTimestamp();
        var outcome = training.Go(quiet, CommandLine.Stop, report: settings.Adapter is not null);
        double[] times = [.. training.Steps.Select(s => s.Seconds).Order()];
        return (outcome, training.TrainedParameters, Stopwatch.GetElapsedTime(start).TotalSeconds, times.Length == 0 ? 0 : times[times.Length / 2]);
    }

    private RunSettings Settings(string set, int count, JsonObject? adapter, double rate) => new()
    {
        Model = _model, Data = Data(set, "train"), Adapter = adapter, LearningRate = rate, LrSchedulerType = "cosine", MaxSteps = count, BatchSize = 16, MaxLength = 128, Seed = seed, Dtype = "float32",
    };

    private void Show(Session session, List<PromptReferences> test, int count)
    {
        var answers = GenerationScores.Answers(session, test.Take(count).ToList(), _greedy);
        for (int i = 0; i < count; i++) say($"   > {test[i].Prompt}\n     {answers[i]}");
    }

    private static void CopyData(string into)
    {
        foreach (string file in from set in (string[])[First, Second] from part in (string[])["train", "test"] select Path.Combine(set, part + ".jsonl"))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(into, file))!);
            File.Copy(Path.Combine(ModelPlace.OfEmbedded(ModelName), "data", file), Path.Combine(into, file));
        }
    }

    private string Data(string set, string part) => Path.Combine(folder, set, part + ".jsonl");

    private static string Percent(string text, double share) => FormattableString.Invariant($"{text}{share * 100:0.0} %");

    /// <summary>SHA-256 over the bytes of every weight of the base, in order.</summary>
    private static unsafe string Hash(CausalLM model)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, weight) in model.Weights())
        {
            using var scope = NewDisposeScope();
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes(name));
            var plain = weight.detach().cpu().contiguous();
            hash.AppendData(new ReadOnlySpan<byte>(NativeTensors.DataPointer(plain), checked((int)(plain.numel() * plain.ElementSize))));
            GC.KeepAlive(plain);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
