namespace Prescore.Tests;

/// <summary>Finds the reference data beside the repository; a test that needs it skips where it is absent.</summary>
internal static class SharedData
{
    private static readonly string? Root = Locate("shared", "golden");

    /// <summary>The root of this repository (the folder of <c>Prescore.slnx</c>).</summary>
    public static string Repository { get; } = LocateRepository();

    /// <summary>Full path of a file under <c>shared/</c>; skips the calling test where the folder is absent.</summary>
    public static string File(params string[] parts)
    {
        Assert.SkipWhen(Root is null, "reference data (../shared) is not present");
        return Path.Combine([Root!, .. parts]);
    }

    /// <summary>Full path of a file under <c>shared/golden/</c>.</summary>
    public static string Golden(params string[] parts) => File(["golden", .. parts]);

    private static string? Locate(string folder, string marker)
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, folder);
            if (Directory.Exists(Path.Combine(candidate, marker)))
            {
                return candidate;
            }
        }
        return null;
    }

    private static string LocateRepository()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (System.IO.File.Exists(Path.Combine(at.FullName, "Prescore.slnx")))
            {
                return at.FullName;
            }
        }
        throw new InvalidOperationException("the tests run outside the repository");
    }
}
