using System.Globalization;
using LowRank.Tensors;

namespace LowRank.Cli.Chat;

/// <summary>Which adapters act in a conversation, and how strongly; changed between turns.</summary>
internal sealed class AdapterDial
{
    private static readonly string[] Off = ["off", "none", "base"];
    private readonly AdapterHost _host;
    private readonly Dictionary<string, string> _folders;
    private List<(string Name, double Strength)> _active;

    /// <summary>Begins with the adapters of the command line.</summary>
    public AdapterDial(Session session)
    {
        (_host, _active) = (session.Host, [.. session.Adapters.Select(a => (a.Name, a.Strength))]);
        _folders = session.Adapters.ToDictionary(a => a.Name, a => a.Path, StringComparer.Ordinal);
    }

    /// <summary>The active ones, in order.</summary>
    public IReadOnlyList<(string Name, double Strength)> Active => _active;

    /// <summary>The folders of the active ones, in order.</summary>
    public IReadOnlyList<string> Folders => [.. _active.Select(a => _folders[a.Name])];

    /// <summary>What acts, for people.</summary>
    public override string ToString() => _active.Count == 0 ? "the base alone" : string.Join(" + ", _active.Select(a => FormattableString.Invariant($"{a.Name}={a.Strength}")));

    /// <summary>All that are loaded, for people.</summary>
    public string Loaded => _host.Adapters.Count == 0 ? "none" : string.Join(", ", _host.Adapters.Keys);

    /// <summary>NAME[=SCALE], several with blanks between them, a folder that is loaded now, or "off".</summary>
    public void Use(string text) => Set(Off.Contains(text, StringComparer.OrdinalIgnoreCase) && !_host.Adapters.ContainsKey(text) ? [] : [.. Words(text).Select(w => Parse(w, 1))]);

    /// <summary>A strength for all that act, or NAME=SCALE for one of them.</summary>
    public void Scale(string text)
    {
        if (text.Contains('='))
        {
            var (name, strength) = Parse(text, 1);
            Set([.. _active.Where(a => a.Name != name), (name, strength)]);
            return;
        }
        double scale = Number(text, "/scale");
        if (_active.Count == 0) throw new BadInputException("no adapter is active, so there is nothing to scale", text, "/scale", remedy: _host.Adapters.Count == 0 ? "Load one with /adapter FOLDER." : $"Choose one with /adapter NAME ({Loaded}).");
        Set([.. _active.Select(a => (a.Name, scale))]);
    }

    private void Set(List<(string Name, double Strength)> active)
    {
        _host.Activate([.. active]);
        _active = active;
    }

    // One name may hold blanks.
    private string[] Words(string text) => _host.Adapters.ContainsKey(text) || Directory.Exists(text) ? [text] : text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private (string Name, double Strength) Parse(string word, double otherwise)
    {
        if (_host.Adapters.ContainsKey(word)) return (word, otherwise);
        if (Directory.Exists(word)) return (Load(word), otherwise);
        int at = word.LastIndexOf('=');
        if (at >= 0) return (Parse(word[..at], 1).Name, Number(word[(at + 1)..], "/adapter " + word));
        throw new BadInputException("there is no adapter of this name", word, "/adapter", $"one that is loaded ({Loaded}), a folder, or off", NearNames.Sentence(word, _host.Adapters.Keys));
    }

    private string Load(string folder)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        if (!_host.Adapters.ContainsKey(name))
        {
            var before = _active;
            _host.Load(name, folder);
            _folders[name] = folder;
            _host.Activate([.. before]); // the first one of a host is active at once
        }
        return name;
    }

    private static double Number(string text, string place)
        => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) ? value : throw new BadInputException("a strength is not a number", text, place, "such as 0.5; 0 is the base, 1 as trained");
}
