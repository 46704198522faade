using System.Numerics;

namespace LowRank.Training;

/// <summary>A set of numbers below a bound that finds its smallest member from some number on, 64 at a step: a bit of a level stands for a word of the level below.</summary>
internal sealed class NumberSet
{
    private readonly ulong[][] _levels;

    /// <summary>An empty set of numbers from 0 to <paramref name="bound"/> - 1.</summary>
    public NumberSet(int bound)
    {
        List<ulong[]> levels = [];
        do levels.Add(new ulong[bound = (bound + 63) / 64]); while (bound > 1);
        _levels = [.. levels];
    }

    /// <summary>Adds a number; false where it was there.</summary>
    public bool Add(int number)
    {
        bool added = (_levels[0][number >> 6] & Bit(number)) == 0;
        foreach (var level in _levels)
        {
            level[number >> 6] |= Bit(number);
            number >>= 6;
        }
        return added;
    }

    /// <summary>Removes a number.</summary>
    public void Remove(int number)
    {
        foreach (var level in _levels)
        {
            if ((level[number >> 6] &= ~Bit(number)) != 0) return;
            number >>= 6;
        }
    }

    /// <summary>The smallest member that is at least <paramref name="number"/>; null: none.</summary>
    public int? NextFrom(int number)
    {
        for (int i = 0; i < _levels.Length && number >> 6 < _levels[i].Length; i++)
        {
            ulong rest = _levels[i][number >> 6] >> (number & 63);
            if (rest == 0)
            {
                number = (number >> 6) + 1;
                continue;
            }
            number += BitOperations.TrailingZeroCount(rest);
            while (i-- > 0) number = number * 64 + BitOperations.TrailingZeroCount(_levels[i][number]);
            return number;
        }
        return null;
    }

    private static ulong Bit(int number) => 1UL << (number & 63);
}
