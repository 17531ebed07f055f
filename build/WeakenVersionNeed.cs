using System;
using System.IO;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Copies an ELF library and marks one of its required symbol versions as weak (VER_FLG_WEAK): the loader then accepts
/// a system library that does not define that version. See build/LibTorchSharp.targets for why.
/// </summary>
public sealed class WeakenVersionNeed : Task
{
    private const uint SectionTypeVersionNeed = 0x6ffffffe;
    private const ushort WeakFlag = 2;

    [Required]
    public string Source { get; set; } = "";

    [Required]
    public string Destination { get; set; } = "";

    [Required]
    public string Version { get; set; } = "";

    public override bool Execute()
    {
        byte[] library = File.ReadAllBytes(Source);
        if (!Weaken(library))
        {
            Log.LogMessage(MessageImportance.Normal, "{0} does not need {1}", Source, Version);
        }
        Directory.CreateDirectory(Path.GetDirectoryName(Destination)!);
        File.WriteAllBytes(Destination, library);
        return true;
    }

    /// <summary>Walks the Elf64_Verneed and Elf64_Vernaux chains of the version-need section.</summary>
    private bool Weaken(byte[] elf)
    {
        bool found = false;
        int need = FindVersionNeeds(elf, out int names, out int libraries);
        for (; libraries > 0; libraries--)
        {
            int entry = need + (int)BitConverter.ToUInt32(elf, need + 8);
            for (int versions = BitConverter.ToUInt16(elf, need + 2); versions > 0; versions--)
            {
                if (Text(elf, names + (int)BitConverter.ToUInt32(elf, entry + 8)) == Version)
                {
                    elf[entry + 4] |= (byte)WeakFlag;
                    found = true;
                }
                entry += (int)BitConverter.ToUInt32(elf, entry + 12);
            }
            need += (int)BitConverter.ToUInt32(elf, need + 12);
        }
        return found;
    }

    private static int FindVersionNeeds(byte[] elf, out int names, out int libraries)
    {
        int table = (int)BitConverter.ToUInt64(elf, 0x28);
        int size = BitConverter.ToUInt16(elf, 0x3a);
        for (int i = BitConverter.ToUInt16(elf, 0x3c) - 1; i >= 0; i--)
        {
            int header = table + i * size;
            if (BitConverter.ToUInt32(elf, header + 4) == SectionTypeVersionNeed)
            {
                int link = table + (int)BitConverter.ToUInt32(elf, header + 0x28) * size;
                names = (int)BitConverter.ToUInt64(elf, link + 0x18);
                libraries = (int)BitConverter.ToUInt32(elf, header + 0x2c);
                return (int)BitConverter.ToUInt64(elf, header + 0x18);
            }
        }
        names = libraries = 0;
        return 0;
    }

    private static string Text(byte[] elf, int at) => Encoding.ASCII.GetString(elf, at, Array.IndexOf(elf, (byte)0, at) - at);
}
