using System.Runtime.CompilerServices;
using LowRank.Tensors;
using TorchSharp;

// libtorch's random generator is the process's: tests that draw from it run one after the other.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

namespace LowRank.TestKit;

internal static class TorchSetup
{
    // Test projects run beside each other; tiny models gain nothing from more threads each.
#pragma warning disable CA2255
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void OneThread()
    {
        MemorySettings.Apply(); // as the program does
        NativeTensors.EnsureLoaded();
        torch.set_num_threads(1);
    }
}
