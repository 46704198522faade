using System.Text.RegularExpressions;
using LowRank.Tensors;
using static TorchSharp.torch;

namespace LowRank;

public sealed partial class AdapterHost
{
    private Action _unwatchRoot = () => { };
    private bool _watching;

    /// <summary>
    /// Throws if an adapted layer was never called since its adapter came: the model reaches it by forward(), which runs no hooks. Runs by itself
    /// after the first whole forward pass of the model where that is a call().
    /// </summary>
    /// <exception cref="BadInputException">Names the layers.</exception>
    public void CheckFired()
    {
        _watching = false;
        var fired = _slots.Values.Where(s => s.Fired).Select(s => Kin(s.Name)).ToHashSet();
        string[] silent = [.. _slots.Values.Where(s => !s.Fired && !fired.Contains(Kin(s.Name))).Select(s => s.Name)];
        if (silent.Length > 0)
            throw new BadInputException("adapted layers were never called, so their adapters do nothing", NameList.Of(silent, 8),
                "the model's forward pass", "each layer reached by call()", "In the model's code write layer.call(x) instead of layer.forward(x): only call() runs hooks.");
    }

    // An expert that no token was routed to is silent with reason; its sibling shows that the code calls it.
    private static string Kin(string name) => Regex.Replace(name, @"(?<=\bexperts\.)\d+(?=\.|$)", "*");

    private void WatchRoot()
    {
        switch (Model)
        {
            case nn.Module<Tensor, Tensor> one:
                _unwatchRoot = one.register_forward_hook((_, _, output) => Watched(output)).remove;
                break;
            case nn.Module<Tensor, Tensor, Tensor> two:
                _unwatchRoot = two.register_forward_hook((_, _, _, output) => Watched(output)).remove;
                break;
        }
    }

    private Tensor Watched(Tensor output)
    {
        RefuseReplaced(quick: true);
        if (_watching) CheckFired();
        return output;
    }

    private void RefuseReplaced(bool quick = false)
    {
        foreach (var slot in _slots.Values) RefuseReplaced(_tree.Replaced(slot.Module, quick));
    }

    private static void RefuseReplaced(string? path)
    {
        if (path is not null)
            throw new BadInputException("this module was replaced since the adapters' host came to the model, so that they would act on one that "
                + "nobody computes with", path,
                remedy: "Detach() the host and Attach a new one, or put the module back.");
    }
}
