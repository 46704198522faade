using static TorchSharp.torch;

namespace LowRank.Tensors.Tests;

/// <summary>Memory that is given back costs nothing but the time to read it again.</summary>
public sealed unsafe class GiveBackTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lowrank-give-back-").FullName;

    [Fact]
    public void Pages_of_a_mapped_file_leave_memory_and_come_back_as_they_were()
    {
        string path = Path.Combine(_folder, "numbers");
        byte[] bytes = new byte[32 << 20];
        new Random(3).NextBytes(bytes);
        File.WriteAllBytes(path, bytes);
        using var file = new MappedFile(path);
        Assert.True(file.Span(0, bytes.Length).SequenceEqual(bytes));
        if (OperatingSystem.IsLinux()) Assert.True(Processor.MemoryOfFiles(path) >= bytes.Length);

        Processor.GiveBackMemory();

        if (OperatingSystem.IsLinux()) Assert.True(Processor.MemoryOfFiles(path) < 1 << 20, $"{Processor.MemoryOfFiles(path)} bytes are still there");
        Assert.True(file.Span(0, bytes.Length).SequenceEqual(bytes));
    }

    [Fact]
    public void Libtorch_computes_as_before()
    {
        using var scope = NewDisposeScope();
        var x = randn(65, 33);
        float[] before = [.. x.matmul(x.t()).data<float>()];
        Processor.GiveBackMemory();
        Assert.Equal(before, x.matmul(x.t()).data<float>());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
