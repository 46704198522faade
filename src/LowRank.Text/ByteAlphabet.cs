namespace LowRank.Text;

/// <summary>GPT-2's spelling of the 256 bytes as 256 printable characters, so that a vocabulary of byte strings can be written as text.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = Make();
    private static readonly short[] Bytes = Invert();

    /// <summary>The character of a byte.</summary>
    public static char CharOf(byte value) => Characters[value];

    /// <summary>The byte of a character; -1 where it spells none.</summary>
    public static int ByteOf(char c) => c < Bytes.Length ? Bytes[c] : -1;

    /// <summary>The bytes that a token spells; null where one of its characters spells none.</summary>
    public static byte[]? Decode(string token)
    {
        var bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            int b = ByteOf(token[i]);
            if (b < 0) return null;
            bytes[i] = (byte)b;
        }
        return bytes;
    }

    private static char[] Make()
    {
        var result = new char[256];
        for (int b = 0, next = 256; b < 256; b++)
            result[b] = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE and <= 0xFF ? (char)b : (char)next++;
        return result;
    }

    private static short[] Invert()
    {
        var result = new short[256 + 68];
        Array.Fill(result, (short)-1);
        for (int b = 0; b < 256; b++) result[Characters[b]] = (short)b;
        return result;
    }
}
