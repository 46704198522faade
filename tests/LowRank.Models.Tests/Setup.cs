using System.Runtime.CompilerServices;
using LowRank.Tensors;
using TorchSharp;

namespace LowRank.Models.Tests;

internal static class Setup
{
    // Test classes run beside each other; tiny models gain nothing from more threads each.
#pragma warning disable CA2255
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void OneThread()
    {
        NativeTensors.EnsureLoaded();
        torch.set_num_threads(1);
    }
}
