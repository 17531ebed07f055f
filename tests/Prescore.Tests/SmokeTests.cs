namespace Prescore.Tests;

public class SmokeTests
{
    [Fact]
    public void Repository_is_found() => System.IO.File.Exists(Path.Combine(SharedData.Repository, "Prescore.slnx")).ShouldBeTrue();
}
