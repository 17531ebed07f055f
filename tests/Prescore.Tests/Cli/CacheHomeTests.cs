namespace Prescore.Tests.Cli;

/// <summary>Tests of commands that use PRESCORE_HOME, which is the whole process's: one after the other, each with a folder of its own.</summary>
[Collection("PRESCORE_HOME")]
public abstract class CacheHomeTests : IDisposable
{
    private readonly TemporaryFolder _home = new();

    protected CacheHomeTests() => Environment.SetEnvironmentVariable("PRESCORE_HOME", _home.Path);

    /// <summary>The folder.</summary>
    protected string Home => _home.Path;

    public virtual void Dispose()
    {
        Environment.SetEnvironmentVariable("PRESCORE_HOME", null);
        _home.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Full path of a file in the folder.</summary>
    protected string InHome(string name) => _home.File(name);
}
