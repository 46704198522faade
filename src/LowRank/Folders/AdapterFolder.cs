using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

/// <summary>Writes PEFT's adapter folder: adapter_config.json and adapter_model.safetensors.</summary>
internal static class AdapterFolder
{
    public static void Save(Adapter adapter, string folder, bool overwrite, Action<string>? extra)
    {
        using var scope = NewDisposeScope();
        var tensors = adapter.Parameters.Select(p => (p.Key, (Tensor)p.Parameter)).Concat(adapter.Host.BaseTensorsToSave(adapter)).OrderBy(t => t.Item1, StringComparer.Ordinal).ToList();
        AtomicFile.WriteFolder(folder, path =>
        {
            SafetensorsWriter.Write(Path.Combine(path, StoredAdapter.WeightsName), tensors, new Dictionary<string, string> { ["format"] = "pt" });
            AtomicFile.WriteText(Path.Combine(path, StoredAdapter.ConfigName), adapter.Config.ToJsonText() + "\n");
            extra?.Invoke(path);
        }, overwrite, OutputKind.Adapter);
    }
}
