using System.Runtime.CompilerServices;
using Prescore.Attention;
using Prescore.Cli;
using Prescore.Experiments;
using Prescore.Generation.Chat;
using Prescore.Models.Formats;

namespace Prescore.Tests.Cli;

public class FailuresTests
{
    public static TheoryData<Type> OwnExceptions => [.. new[]
        {
            typeof(AttentionMethods).Assembly, typeof(ModelFormatException).Assembly, typeof(UnsupportedChatException).Assembly,
            typeof(BadInputException).Assembly, typeof(CommandLine).Assembly,
        }
        .Distinct()
        .SelectMany(assembly => assembly.GetTypes())
        .Where(type => type.IsAssignableTo(typeof(Exception)) && !type.IsAbstract)];

    /// <summary>An exception that the libraries define says what a user gave wrong: none may end as an internal error.</summary>
    [Theory]
    [MemberData(nameof(OwnExceptions))]
    public void Every_exception_of_the_project_is_bad_input(Type type)
    {
        var run = new ToolRun();

        Failures.Report((Exception)RuntimeHelpers.GetUninitializedObject(type), run.Context).ShouldBe(2);

        run.Error.ShouldStartWith("error: ");
    }
}
