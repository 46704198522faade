using LowRank.Cli;
using LowRank.Tensors;

MemorySettings.Apply(); // the process is there for this

// All torch work of the process happens on one thread; the console's own thread only waits for it.
return TorchThread.Shared.Run(() => CommandLine.Run(args));
