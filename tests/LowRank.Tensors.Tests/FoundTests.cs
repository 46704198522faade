namespace LowRank.Tensors.Tests;

public class FoundTests
{
    [Fact]
    public void A_pipe_is_named_and_not_waited_for()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("there are no named pipes among files on Windows");
        string folder = Paths.Temporary();
        foreach (string name in (string[])["pipe", "model.gguf", "model.safetensors"])
        {
            string pipe = Path.Combine(folder, name);
            using (var made = System.Diagnostics.Process.Start("mkfifo", [pipe])) made.WaitForExit();
            var found = Found.At(pipe);
            Assert.Equal((FoundKind.File, "a pipe", pipe), (found.Kind, found.Words, found.Path));
        }
        Assert.Equal(FoundKind.GgufFolder, Found.At(folder).Kind);
        string weights = Path.Combine(folder, "model.safetensors"), json = Path.Combine(folder, "pipe");
        foreach (Action open in (Action[])[() => new MappedFile(weights), () => SafetensorsFile.Open(weights),
            () => SafetensorsFolder.Open(folder), () => GgufFile.Open(Path.Combine(folder, "model.gguf")), () => JsonFile.ReadObject(json)])
            Assert.Equal("a pipe where a file was expected", Assert.Throws<BadInputException>(open).Problem);
        File.Move(json, Path.Combine(folder, FolderMarker.FileName));
        Assert.False(FolderMarker.Check(folder).Marked);
    }
}
