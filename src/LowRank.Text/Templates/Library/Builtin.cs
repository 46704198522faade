using LowRank.Text.Templates.Evaluation;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Library;

/// <summary>What a built-in does: with what it is called on (none for functions) and its arguments by place, absent ones null.</summary>
internal delegate Value Body(Run run, Value self, Value?[] arguments);

/// <summary>A function, filter, test or method written here.</summary>
internal sealed class Builtin
{
    private static readonly Value?[] Nothing = [];
    private readonly string[] _names;
    private readonly Body _body;
    private readonly int _required, _rest = -1, _namedRest = -1, _positional, _total;

    /// <summary>Makes one.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="parameters">Its parameters: a name each, with = where it may be left out; *a takes further values, **k further named ones; those behind a lone * are given by name.</param>
    /// <param name="body">What it does.</param>
    public Builtin(string name, string parameters, Body body)
    {
        (Name, _body) = (name, body);
        List<string> names = [];
        bool byName = false;
        foreach (string parameter in parameters.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (parameter == "*") byName = true;
            else if (parameter.StartsWith("**", StringComparison.Ordinal)) _namedRest = _total++;
            else if (parameter.StartsWith('*'))
            {
                byName = true;
                _rest = _total++;
            }
            else
            {
                if (names.Count != _total) throw new ArgumentException(parameters, nameof(parameters)); // the rest comes last
                names.Add(parameter.TrimEnd('='));
                _total++;
                if (!byName) _positional++;
                if (!parameter.EndsWith('=')) _required++;
            }
        }
        _names = [.. names];
    }

    public string Name { get; }
    /// <summary>Whether it is a type as well, as dict and range are.</summary>
    public bool IsType { get; init; }

    /// <summary>Calls it.</summary>
    public Value Call(Run run, Value? self, Arguments given) => _body(run, self ?? None.Instance, _total == 0 && given.Count == 0 ? Nothing : Bind(given));

    private Value?[] Bind(Arguments given)
    {
        var bound = new Value?[_total];
        int count = Math.Min(given.Positional.Length, _positional);
        Array.Copy(given.Positional, bound, count);
        if (_rest >= 0) bound[_rest] = new TupleValue(given.Positional[count..]);
        else if (given.Positional.Length > count) throw Fail.Runtime($"{Name}() takes {_positional} positional argument{(_positional == 1 ? "" : "s")} but {given.Positional.Length} were given");
        DictValue? rest = null;
        foreach (var (name, value) in given.Named)
        {
            int at = Array.IndexOf(_names, name);
            if (at >= 0 && bound[at] is null) bound[at] = value;
            else if (at >= 0) throw Fail.Runtime($"{Name}() got multiple values for argument '{name}'");
            else if (_namedRest < 0) throw Fail.Runtime($"{Name}() got an unexpected keyword argument '{name}'");
            else (rest ??= new DictValue()).Set(new Str(name), value);
        }
        if (_namedRest >= 0) bound[_namedRest] = rest ?? new DictValue();
        for (int i = 0; i < _required; i++)
            if (bound[i] is null) throw Fail.Runtime($"{Name}() missing required argument: '{_names[i]}'");
        return bound;
    }
}
