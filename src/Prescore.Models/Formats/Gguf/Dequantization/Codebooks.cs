using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Prescore.Models.Formats.Gguf.Dequantization;

/// <summary>
/// The codebooks of ggml's IQ types (MIT licence, The ggml authors): which eight, or four, small magnitudes stand next to
/// each other. An entry is a number of 16 bits, each value a digit of it; the numbers rise, so the table holds their
/// differences, seven bits a byte, the last byte of each below 128.
/// </summary>
internal static class Codebooks
{
    /// <summary>IQ1_S and IQ1_M: 2,048 entries of eight, in units of an eighth: -8, 0 or 8.</summary>
    public static ulong[] Iq1 { get; } = Of(2, [-8, 0, 8],
        "AAIDAwIHBAsCBgIbDAMCDxsCBgILCwIGAloBDAMCAwELHAUDCQMFBwMCAh0MAwIPWwIGAgsLAgYCGwwICwUXAgYCBwQEBwIGAucCAwIPHAgMBQoB"
        + "LAgMXAMBAQ8DAg8XBQUGAQMBAQMHAgMDAhcQBAMCBwMBAQNrBSgDDAIDAwgBBQMcDAMF5wICBgILCwIGAhsMBQ8bAgYCCwsCBgJbDAMFCwEcDwEE"
        + "DAMFKAMCAwxbAgYCCwsCBgIbDAgIBBsCAwMCCwsCBgLmCgEDBQsBHAMMBQMJAwEEKAMCCwRcAwIDBwIDAwkDBRwFBgEBAgEBAwcFHw4DDANtAwIP"
        + "GwYDCQMDAgoCHwwDAg/cAgUDCwEDAQgFGwQBAgIHAwEBAwkDAxwFBwQBAwEBBwMBBFkDBQcDAQEDBwIDAwIXAwEBCwECAQEDAQcDAQEDFwICAQMC"
        + "BgEDAQEDAQYCA1wDAQEPAQICBwUaAgIBAwIHBAECAQgDAQMBARwECAMPBegCBQ8cAwIDBwUDAgYBAwIDHAwDEWsCAwUHBB0CAQMJAwEBAwEGBQUf"
        + "CAEDAwkFA2ANDgIeAgMHAgMDCQUDHAwFBOYKAgYCCwsCAwMCGwwICAQbAgYCCwsCAwMCWwwDBQwdAgUMAwIHAwEBHwsGAwxcBwIHBAsCBgIbDAUD"
        + "DBwHAgcECwIGAtsCDwIDDB8BAQMJAwMCDB8MAwUIBGQMDAgXBQMJAwEECQMDIQcEAQMCBwMCA1wLAgcMHAgMCwEIGwIKCuYCAgYCCwsCBgIbDAMR"
        + "GwIGAhYCBgJfCAMFDCEDCQMMAwIDHAsGAwsBWwIGAhYCBgIbDAUDDBsCBgILCwIGAtsqDAUPJAkDAwIHAwIuBQgFWgEDAgMJAwECAgcFAxwDAgcD"
        + "AQEDAQsDAhcDAgoCAwsBAWMMAwIPHBEDBQoFIAsR3AIUBBAcAwIHAwEBCwEDAwIXBQMHAgMLAQhYAQMFBwMBAQMHBQUXAwEBAwcBAwEBAgEIAwEB"
        + "AxkCAQMJAwEBAwELAwJXBAQLAQMCBwMFFwIDAwgBAQMBAwkDAxkEBQoBDAMC3wIMBAULHQcHBQMJAwIDHAwDAgMMXAQBBAYEAQMJAwIaBQUHAQIB"
        + "AQMHAgMBBBwDCQMBAgkDAgNtLgIDDAMCCgUrEdwKAwEBAwkDBQcDBRcFAwkDAQEDDAMeAwwDCAEFA1wDAQEHAwEBAgEHBQECAhcDAQEDBwEBAgEB"
        + "AgEBBwMBAQMZAwwDAQEDBwUFVwUMAwUHAx4DBQcDAQEDCQMgCwIDBAEK4AIBDAMBAQIBCAQDAhcDAQEDAQYBAwEBAgEBBwECAQEDFwgCBwMBAQMI"
        + "AwEFVwECAQEDBwEBAgEBAwEHAwEBAxcBAQIBAQIBBwEBAgEBAgEBBgEDAQECAQEXAwEEAQYBAwEBAgEIAwEBA1cBAQICAgEIAwEDAQcBAQIBAQIB"
        + "GAQBAgEBBgEBAgEBAgEBBwMBBBkDAQIBAQcEBQgDAQIB2wIBAQMHBQMJCRsDAgcDAQECAQcCAgEdBwcCAwMJCFgBAwUHAwEBAwwcAwEBAwcBAQIB"
        + "AQIBAQcDAQEDGAQECAMBAQIBDF8EDQUGBQEDHAMBCAQBAgEJAwMCFwkIAwECAgfkCg8CAwwfDAUBAgIHAwIDGBUPXAMCAwkDDAEEAxwECAQBAwwB"
        + "BBoGCAMMBQNoBQMnAQUPAQIIJQwFD+wCAQMBBAcFAxcCAwMCBwMBAQMBBgIDHwEEBwICAQECAgcDBVwDAgcEAQMrAQEDBwEDAQEDCAMBAQMdAwEH"
        + "BAEDAQgDAQJaBwwLBgIBFwUDAgcDAQECAgYFAxgCAwUKAgIBBwQCBOwCAwwcEQMFBwgcDAcOWwMMBQwDAgMXAQQBAgkDAQEDBwUFGAIGCwwDAQRo"
        + "BQIpAwUHBQMCCgEEHQ4EAgzaKgIGAhYCBgIbCwEDAgMMGwIGAgsLAgYCWwwDAgMMHAMFBwIDAQIBCwIDHAQLAgMMWwIGAgsLAgYCJwMFDBsCBgIL"
        + "CwIGAuoCBSgDDQQFBwMFKwVoCAkDBQwDFwEEAwkDAQEDAQsBAgIXAwIDBwIDAw5rBQMMHAMFAQYFBAEHBQQbDAkK3AICBgILCwIGAhcEDAMFDAQX"
        + "AgYCCwsCBgJbAQsDAg8cAwIDBwIDBQcDIREDDFsCBgILCwIGAhsMAwIqAgYCCwsCBgLbCgwFAgEMHAUDDAMCDwEbDAMCAwxcAwIDBwUDAgcDAgMX"
        + "BQsBAwEBAwkDHwIMAwMJAwIDXAwDBQwfAgMHAgMDDgMcDwIT2AIDAgoFAw4aCgcDAQECAQcBAQMfAgwCAQMJCFcFAwIGAQMBAQMIBAQBFwMBAQMH"
        + "AQECAQECAQEHAwEBAxgEAwkBAgEBAwEGAgMDAlcDDAUEBwYDHAMBCAEDAQMMAxoCBQEIAgEPAgPcAhEDDBwFCgIDAQQKASAMBQMMXwIDBwIDAwIG"
        + "AQMCGgIDAwIHAwEBAwkDAQQXAwwCAwUHBV8QEB8CAwcFAwkkDAMBAeoKAgYCCwsCBgIbDAMCAycCBgILCwIGAlsECAMCAwEsAwgEAwIHAyELAgQD"
        + "aQYCBgkJBgIbDAUDDBsCBgILCwIGAu8CDBwDDAQBAwIHBAECARyBAQMHAgMDDgMZAwwDAQEDDAUXAwEBAwkDA20MBQQHBB8CBAgDAQIIAiQKBQED"
        + "CAMC2gICBgIWAgYCJwMCAycCBgILCwIGAlsPBQgEHA8FBQcFAycGagIGAhYCBgInAwIqAgYCCwsCBgI=");

    /// <summary>IQ2_XXS: 256 entries of eight.</summary>
    public static ulong[] Iq2Xxs { get; } = Of(2, [8, 25, 43],
        "AAIDAwIHAwwCBgIXAwwICQMcAggYXwMMBStEFGgCIGD/AgMMEQMcAgYYIQMMFFwCBhgmIxcReAcwRCDcAgUDDBQZAwwCNnw8wgES7QsDDBEfICQM"
        + "BWsIGDAKJqQBIbsDCBgFJDeYAUqeARbrAwMMMEF/BZsBsQGvCwIIOh0fAqcBH7gBAv8DAwwwFqoBQSOsAvgCGHSwA70rAwwICQMcCA4KIQMMcCBB"
        + "HwV8DzgOEpgDCBhgGXkS3AGBBAMMMAW7AVgJIcMBS/AKCAkIB2AIfD5i7QH/AwJ49wFTrAMRCEvcAcgB/AsMMCiYAVXDAUigAwWLAgJyvgW+LwII"
        + "N0GCARQo0QHwAwMMBSsgoAFGTnU3IKIDggKNAvMLDBQcYXVqxQG7AyIijQKwBp8B4g1ONYQB9wGYBLgItAE=");

    /// <summary>IQ2_XS: 512 entries of eight.</summary>
    public static ulong[] Iq2Xs { get; } = Of(2, [8, 25, 43],
        "AAIDAwIHAwIDBwIDAxkDAgMHAgMDCQMcAgMDCQMFB2EDAgMHAgMDAgcDHAIDAwkDDAgZAwxwAgMDCQMMIQMMBSsK9wIDAgMHAgMDCQMcAgMDCQMC"
        + "CiEDDHACAwMJAwwhAwwRH4EBAwwWGgJC/AICAwMCBwMMBRwDDAgoIApXAwwwQQh3IAhuCuEKAwIDBwIDAwkDHAIDAwkDDAoXAwxwAgMDCQMMIQMM"
        + "MBQCawMCCjAgoAMCAwMJAwwhAwUHFByBAQMMMMABFDW4AwMMAi4UMnoFYesBWNcKAgMDAgcDDCEDDDAgYQMMMAgdmwEiXijZAgMMGRfAAUERR2gZ"
        + "jAHaAggCFjUzGsYBKHgYYgYC9yoDAgMHAgMDCQMcAgMDAgcDDAUcAwxwAgMDCQMMIQMMMAUdXwMMAhcXwAMCAwMJAwUHIQMMMBRtAwwUHFpmCjoM"
        + "sQMDDDAFDw6eAREzDBmbAfwLAgMDCQMMCBkDDDCBAQMMBSsCvgFEZtcCAwwRHyAhIF8IeAiZAUc53wIULQ9JgQEmAsMC/AoDDDAUDiQjV6QCJkju"
        + "Ahb6ATAFX90EabsB4QFODp4rAgMDCQMMChcDDDACJgJXAwIKMBEIpwEgYAIeCNkCAwwCAysgKXdEYXNSlgMIHTUmAiZenAJeCA4S2QoDDDAWLnwi"
        + "QvIBM/cCBT8MCNEBZwKvAZAEVaMBzAFLoAsCBgIWCnaxAQhNWgIGIlYgoANV0AMz8gIWAgZ4CFyAAQKiAQJnGQ==");

    /// <summary>IQ2_S: 1,024 entries of eight.</summary>
    public static ulong[] Iq2S { get; } = Of(2, [8, 25, 43],
        "AAIDAwIHAwIDBwIDAxkDAgMHAgMDCQMCAxcCAwMJAwwFBVcDAgMHAgMDCQMcAgMDCQMCAwcFAxkDDAIDDANcAgMDCQMMChcDAgMHBSsFBQoO3wID"
        + "AgMHAgMDCQMCAxcCAwMCBwMCAwcCAxwDAgMHBQMJA1wCAwMCBwMCAwcFAxkDAgMHAgMDCQMcAgMDCQMMYQMCAwcFKwUDCQMMIQMM8AICAwMJAwID"
        + "BwUFFwMCAwcCAwMJAxwFDxZXAwwCAwMJHwUDCQMMIQ9wEQMOBgImSegKAwIDBwIDAwkDAhoCAwMJAwIDBwIDAxkDAgoFAwkDXAIDAwIHAwIDBwID"
        + "AxkDAgMHAgMDCQMcAgMDCQNtAwUHBQwDHAUMAy0DDPACAgMDCQMCAwcFAxkDAgMHAgMDCQMcAgMDCQMMYQMCAwcCAwMJAxwCAwMJAwwhAwxwBQMJ"
        + "AwwhAwwwKtcCAwIDBwUDCR8CAwMJAwwhA3wCAwMJAwwhAwwZOWIMMBaqCwIDAwkDAgMHBQUXAwwCAw8cCgoWVwMMAgMMHwIDDAMMIQMMcAoYBgIa"
        + "DDgCHtkCAwIDBwUDCQMcAgMDCQMMIQMMcAUDCQMMIQMMFhqBAQMMMBmnAwUMAy0DDDogVwMMhQF1GEIkAvcqAwIDBwIDAwIHAwIaAgMDAgcDAgMH"
        + "AgMcAwwFAwkDXAIDAwkDAgMHAgMcAwIDBwIDAwkDHAIDAwkDDGEDDAIDAwwcBQMJAwwhA/wCAgMDAgcDAgMHAgMDGQMCAwcCAwMJAxwCAwMJAwxh"
        + "AwIDBwIDAwkDHAIDAwkDDAoXAwxwAgMDCQMMIQMMMCXcAgMFBwIDAwkDHAIDAwkDDCQMcAIDAwkDDCEDDDAWawMMMMALAgMDCQMCAwcCAwMZAwID"
        + "BwIDAwkDHAIDAwkDbQMCAwcCAwMJAxwCAwMJAwwhAwxwBQMJAwwhAwwZF4EDAwIDBwIDAwkDHAIDAwkDDCEDDHACAwMJAwwhAwwwgQEDDBYawAMC"
        + "AwMJAwwhAwwKJoEBAwwwwAEZbCPZCgMCCgIDAwkDHAUDCQMMJAxwAgMDCQMMIQMMMBlrDDAWS98CBQMJAwwhAwwwgQEDDDAKHipulAHtAgMMVTNo"
        + "KpgCX98qAgMDCQMFBwUcAwwCAwMJHwUMA20DBQcCAwMJAxwCAwMJAy0DDBlXBQUHAy0DDLEDAwIDBwIDAwkfAgMDCQMMIQMMcAIDAwkDDCEDDDAK"
        + "dwMMGRfAAwUMAy0DDFJfAzwlvQE2Aigg3woDBQcCAwMMHAIDAwkDDCEDDHAFDAMtAwwKpwEDDDBm2gICAwMJAwwhAwwwFmsDDDBYCV9GHp0DAwwW"
        + "GmlXSQm+AvAKBQUKDggXAwxSCJYBJZ0BCBgGAlgGAh7ZAgMMMEkbXBm4ArkDHnqyATKCAQIWAgZgIg==");

    /// <summary>IQ3_XXS: 256 entries of four.</summary>
    public static ulong[] Iq3Xxs { get; } = Of(4, [4, 12, 20, 28, 36, 44, 52, 62],
        "AAICDQIECQIPETECjAECDQIPBAsCDxMckAECAg0PAg8CBBoGHowBBgkCE0ujASQNExwCjAEGKyDjAS+sAQQCLR6gEQINAg8CDQICEwmwAQIPDwLf"
        + "AQINAg8PQo4BAh4RFSCbAQRL0AEEIiuUAZ0CHsARAg8CDQIECxG/AQICCwIPDzMECZABAg8GCQIVCRWsAQ8EXATBAR6wASQaM40DAhMvvBEPAg8C"
        + "LRUNjgECHhETArsBAg0VLSCfASL9ARcrjgEGHDO/ASIt0AEtpBETHgIcBJ0CrAEXCSAGoQE+vwFNE8EBHi2VAwsCHuIRLy+QAQYgL78BHkCQAVG9"
        + "ARMES5ABL58C1AEe4hEgAh69AUC2AU3MAQaOAsEBTeEB0AEe4hECAgkiINQBGtIBMw2uARUeLcEBIL8BAiKMAg==");

    /// <summary>IQ3_S: 512 entries of four.</summary>
    public static ulong[] Iq3S { get; } = Of(4, [1, 3, 5, 7, 9, 11, 13, 15],
        "AAEBAwIJAQECAgoBBA4NAgMCCgINAg8DA4kBAQECDAEECwMECgQPHQQNjgEBBAIJAwMLBAsEDgMCCgIdA5ABDgQLAg8CAw4MAhUKBIsBEwQKAw4O"
        + "Aw4fkgECHAIEDQ4EAh8NkwELAh4hH48BAgIcAgQNHQSsEQEBAgwBAgICCQIPAwIeAgsRjgEBAgMKBA0PAw4PAh4GigESAwIJBA4OAxILEo8BAwMJ"
        + "Aw4GCQQNIQ6TAQINAh0CDwQKBK0BDwMODwIfzwEEAx0CuwECDQIPFAwhDpARAQICAgkCAgILAgQJAg8CAgsCFQkDAosBAg4DBAsDDAMOD7ABAwMa"
        + "Ag0HChIEGgOMAQIDDBECDQIPDhabAQYZAw8DDDEDjwENERUJEx2QAQIFGjQMpAEMFQoTDbIRDwICAgsPAgINAgMKEg6QAQICDw0CHSASBIoBEg4S"
        + "AhyxAQ8EDQIECRECBA4ekAEOBQwPIQ4EnQEPAhMNEhIdowErwAECHQITyxEEDg4EAwsPDyCSAQUKAg8OBQ4OBKwBAg0FDBINFwsOlAENAg0CDwTL"
        + "AQIiEwkxlAECGkGxASEssAEFGxMOsREOBA4eBAMLFA6NAQICDQ8RQI4BERINBh2vAQUJFx0NFA6OAQMcEhTMARQrAu8BwAECHu8RAgIcAi2gASAH"
        + "Pa4BIg4TDQ6QARQNH+UBHh+eAQMxLKUBO9EBAu0RBAMZAhQKFA6gAQ8THwK8AQMMBgsPIbEBMAMergEEDg0w0gEgwAEvzwE=");

    /// <summary>Signs of eight values, +1 or -1, by a byte whose bit i is set where value i is negative.</summary>
    public static ulong[] Signs { get; } = [.. Enumerable.Range(0, 256).Select(bits => Pack(i => (sbyte)((bits >> i & 1) == 0 ? 1 : -1)))];

    /// <summary>The eight signs that seven bits stand for: the last one makes the number of negative values even.</summary>
    public static ulong EvenSigns(uint sevenBits) => Signs[sevenBits | (uint.PopCount(sevenBits) & 1) << 7];

    /// <param name="digitBits">Bits of a digit: 2 for eight values an entry, 4 for four, whose upper half stays empty.</param>
    /// <param name="levels">The value of each digit.</param>
    /// <param name="differences">The table.</param>
    private static ulong[] Of(int digitBits, sbyte[] levels, string differences)
    {
        var entries = new List<ulong>();
        int code = 0, difference = 0, shift = 0;
        foreach (byte part in Convert.FromBase64String(differences))
        {
            difference |= (part & 127) << shift;
            shift += 7;
            if (part < 128)
            {
                code += difference;
                (difference, shift) = (0, 0);
                int entry = code;
                entries.Add(Pack(i => i * digitBits < 16 ? levels[entry >> i * digitBits & (1 << digitBits) - 1] : (sbyte)0));
            }
        }
        return [.. entries];
    }

    private static ulong Pack(Func<int, sbyte> value)
    {
        Span<sbyte> bytes = stackalloc sbyte[8];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = value(i);
        }
        return BinaryPrimitives.ReadUInt64LittleEndian(MemoryMarshal.AsBytes(bytes));
    }
}
