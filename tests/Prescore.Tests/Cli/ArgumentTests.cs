namespace Prescore.Tests.Cli;

public class ArgumentTests
{
    [Fact]
    public void Unknown_commands_and_options_name_the_nearest()
    {
        ToolRun.Of("bnech").ShouldBeBadInput("bnech", "did you mean 'bench'?");
        ToolRun.Of("bench", "--treads", "2").ShouldBeBadInput("--treads", "did you mean '--threads'?");
        ToolRun.Of("info", "a", "b").ShouldBeBadInput("'b'");
    }

    [Theory]
    [InlineData("--threads", "0")]
    [InlineData("--threads", "two")]
    [InlineData("--threads", "100000")]
    [InlineData("--seed", "-1")]
    [InlineData("--budget", "0")]
    [InlineData("--budget", "1.5")]
    [InlineData("--budget", "NaN")]
    public void Numbers_out_of_range_name_option_and_value(string option, string value) =>
        ToolRun.Of("bench", option, value).ShouldBeBadInput(option, $"'{value}'");

    [Fact]
    public void The_limit_of_the_threads_is_named() => ToolRun.Of("bench", "--threads", "1025").ShouldBeBadInput("from 1 to 1024");

    [Theory]
    [InlineData("1e400")]
    [InlineData("inf")]
    [InlineData("NaN")]
    public void A_tolerance_is_finite(string value) =>
        ToolRun.Of("verify", "m.gguf", "c.safetensors", "--tolerance", value).ShouldBeBadInput("--tolerance", "finite", $"'{value}'");

    [Fact]
    public void A_missing_input_file_is_named() =>
        ToolRun.Of("info", "no-such-file.gguf").ShouldBeBadInput("no-such-file.gguf");

    [Fact]
    public void A_folder_that_does_not_exist_is_found_before_the_work() =>
        ToolRun.Of("bench", "--json", Path.Combine("no-such-folder", "x.json")).ShouldBeBadInput("--json", "no-such-folder");

    [Theory]
    [InlineData("windo", "did you mean 'window'?")]
    [InlineData("window:width=3", "unknown option")]
    [InlineData("window:w=-1", "w=-1")]
    [InlineData("prescored:s=0", "s=0")]
    [InlineData("prescored:scorer=kmean", "did you mean 'kmeans'?")]
    [InlineData("prescored:inner=exat", "did you mean 'exact'?")]
    [InlineData("hyper:block", "key=value")]
    [InlineData("hyper:block=64,block=32", "twice")]
    public void Faulty_methods_are_explained(string spec, string part) =>
        ToolRun.Of("bench", "--data", "gaussian", "--lengths", "64", "--methods", spec).ShouldBeBadInput(part);

    [Fact]
    public void An_option_among_the_methods_is_no_method() =>
        ToolRun.Of("bench", "--methods", "exact", "--lenghts", "1k").ShouldBeBadInput("option '--lenghts'", "did you mean '--lengths'?");

    [Theory]
    [InlineData("perplexity", "--budget")]
    [InlineData("advise", "--error")]
    [InlineData("verify", "--tolerance")]
    [InlineData("bench", "--lengths")]
    [InlineData("info", "FILE")]
    [InlineData("tokenize", "--special")]
    [InlineData("score", "--scorer")]
    [InlineData("attend", "--causal")]
    public void Every_command_has_help_with_examples(string command, string part)
    {
        ToolRun run = ToolRun.Of(command, "--help");

        run.ExitCode.ShouldBe(0);
        run.Error.ShouldBe("");
        run.Out.ShouldContain(part);
        run.Out.ShouldContain("Examples:");
        run.Out.ShouldContain($"prescore {command}");
    }

    [Fact]
    public void Without_arguments_the_tool_shows_its_help()
    {
        ToolRun run = ToolRun.Of();

        run.ExitCode.ShouldBe(0);
        run.Out.ShouldContain("perplexity");
    }
}
