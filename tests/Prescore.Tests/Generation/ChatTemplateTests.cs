using System.Text.Json;
using System.Text.Json.Serialization;
using CsCheck;
using Prescore.Generation.Chat;
using Prescore.Models.Tokenizers;

namespace Prescore.Tests.Generation;

public class ChatTemplateTests
{
    private static readonly string Folder = Path.Combine(SharedData.Repository, "tests", "Prescore.Tests", "Generation", "ChatTemplates");

    private static readonly ChatMessage[] Talk =
    [
        new(ChatMessage.User, "Hi"), new(ChatMessage.Assistant, "Hello!"), new(ChatMessage.User, "Who?"),
    ];

    private static readonly ChatMessage System = new(ChatMessage.System, "Be brief.");

    private static readonly Lazy<Case[]> Expected = new(() =>
        [.. File.ReadLines(Path.Combine(Folder, "expected.jsonl")).Select(line => JsonSerializer.Deserialize<Case>(line, JsonSerializerOptions.Web)!)]);

    public static TheoryData<string> Templates => [.. Directory.GetFiles(Folder, "*.jinja").Select(file => Path.GetFileName(file)).Order()];

    /// <summary>expected.py, beside the templates, makes the texts with Jinja itself.</summary>
    [Theory]
    [MemberData(nameof(Templates))]
    public void Conversations_are_written_as_Jinja_writes_them(string name)
    {
        ChatTemplate chat = ChatTemplate.Of(Model(Read(name)));
        Case[] cases = [.. Expected.Value.Where(each => each.Template == name)];
        cases.ShouldNotBeEmpty();
        foreach (Case each in cases)
        {
            if (each.Refused is string reason)
            {
                Should.Throw<UnsupportedChatException>(() => chat.Render(each.Messages, each.AddGenerationPrompt)).Message.ShouldContain(reason);
            }
            else
            {
                chat.Render(each.Messages, each.AddGenerationPrompt).ShouldBe(each.Text);
            }
        }
    }

    [Theory]
    [InlineData("{{ pad_token }}", "'pad_token'")]
    [InlineData("{{ 'a' is string is string }}", "'is'")]
    [InlineData("{% include 'x' %}", "line 1: the statement 'include'")]
    [InlineData("\n\n{% raw %}{% endraw %}", "line 3: the statement 'raw'")]
    [InlineData("{% if messages %}", "the template ends too early")]
    [InlineData("{% if messages %}{% endfor %}", "the statement 'endfor'")]
    [InlineData("{% endif %}", "the statement 'endif'")]
    [InlineData("{% break %}", "the statement 'break'")]
    [InlineData("{{ messages", "not closed")]
    [InlineData("{{ 'x }}", "not closed")]
    [InlineData("{# x", "not closed")]
    [InlineData("{{ 2 ** 3 }}", "'**'")]
    [InlineData("{{ 1.5 }}", "'5'")]
    [InlineData("{{ 1 $ 2 }}", "'$'")]
    [InlineData("{{ 'a' 1 }}", "'1'")]
    [InlineData("{{ }}", "too early")]
    [InlineData("{{ 99999999999999999999 }}", "the number")]
    [InlineData("{% for m in messages recursive %}{% endfor %}", "'recursive'")]
    public void Templates_outside_the_language_are_refused_by_what_is_not_known(string template, string reason) =>
        Should.Throw<UnsupportedChatException>(() => ChatTemplate.Of(Model(template))).Message.ShouldContain(reason);

    [Theory]
    [InlineData("{{ messages | pprint }}", "line 1: the filter 'pprint'")]
    [InlineData("x\n{{ messages is sameas 1 }}", "line 2: the test 'sameas'")]
    [InlineData("{{ open('/etc/passwd') }}", "the function 'open'")]
    [InlineData("{{ ''.__class__() }}", "the function '__class__'")]
    [InlineData("{{ strftime_now('%Y') }}", "the function 'strftime_now'")]
    [InlineData("{{ messages[0].content.format(1) }}", "the function 'format'")]
    [InlineData("{{ ' x ' | trim('x', 'y') }}", "'trim' with an argument")]
    [InlineData("{{ {} | tojson(sort_keys=true) }}", "'tojson' with an argument")]
    [InlineData("{{ 'x'.strip(none, 1) }}", "'strip' with an argument")]
    [InlineData("{{ messages.x.y }}", "'y' of 'x', which is not defined")]
    [InlineData("{{ unknown + 'x' }}", "'unknown', which is not defined")]
    [InlineData("{{ messages }}", "writing a list")]
    [InlineData("{{ 1 / 2 }}", "'/' between a number and a number")]
    [InlineData("{{ 1 // 0 }}", "zero")]
    [InlineData("{{ 9223372036854775807 + 1 }}", "range of numbers")]
    [InlineData("{{ 'a' < 1 }}", "comparing a text with a number")]
    [InlineData("{{ 1 in 2 }}", "looking for a number in a number")]
    [InlineData("{% for a, b in [[1]] %}{% endfor %}", "1 values for 2 names")]
    [InlineData("{% set messages.x = 1 %}", "setting 'x' of a list")]
    [InlineData("{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", "'f' with an argument")]
    [InlineData("{{ raise_exception('no!') }}", "refuses the conversation: no!")]
    public void What_a_template_uses_and_is_not_known_is_refused(string template, string reason) =>
        Should.Throw<UnsupportedChatException>(() => ChatTemplate.Of(Model(template)).Render(Talk, true)).Message.ShouldContain(reason);

    [Theory]
    [InlineData("{% for i in range(999999999999) %}{% endfor %}", "too much text")]
    [InlineData("{% for i in range(9000) %}{% for j in range(9000) %}{% endfor %}{% endfor %}", "too ")]
    [InlineData("{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "too much text")]
    [InlineData("{{ 'x' * 9999999999 }}", "too much text")]
    [InlineData("{{ ('x' * 9999999) | replace('x', 'y' * 9999999) }}", "too much text")]
    [InlineData("{% set ns = namespace(s=1) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s | tojson }}", "too many steps")]
    [InlineData("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nested too deeply")]
    public void Templates_that_never_come_to_an_end_are_refused(string template, string reason) =>
        Should.Throw<UnsupportedChatException>(() => ChatTemplate.Of(Model(template)).Render(Talk, true)).Message.ShouldContain(reason);

    [Theory]
    [InlineData("(", ")")]
    [InlineData("not ", "")]
    [InlineData("-", "")]
    [InlineData("1 + ", "")]
    [InlineData("[", "]")]
    public void Templates_nested_too_deeply_are_refused(string open, string close)
    {
        string Repeat(string part) => string.Concat(Enumerable.Repeat(part, 500_000));
        string template = "{{ " + Repeat(open) + "1" + Repeat(close) + " }}";
        Should.Throw<UnsupportedChatException>(() => ChatTemplate.Of(Model(template)).Render(Talk, true)).Message.ShouldContain("nested too deeply");
    }

    /// <summary>Whatever a template holds, it is written or refused.</summary>
    [Fact]
    public void Damaged_templates_fail_in_no_other_way()
    {
        string[] templates = [.. Directory.GetFiles(Folder, "*.jinja").Select(File.ReadAllText)];
        Gen.Select(Gen.Int[0, templates.Length - 1], Gen.Int[0, 5000], Gen.Int[0, 30], Gen.Int[0, 5000], Gen.Int[0, 30]).Sample(
            (template, from, length, source, sourceLength) =>
            {
                string text = templates[template];
                int at = from % text.Length, other = source % text.Length;
                string damaged = text[..at] + text.Substring(other, Math.Min(sourceLength, text.Length - other)) + text[Math.Min(at + length, text.Length)..];
                try
                {
                    ChatTemplate.Of(Model(damaged)).Render([System, .. Talk], true).ShouldNotBeNull();
                }
                catch (UnsupportedChatException)
                {
                }
            },
            iter: 3000);
    }

    [Fact]
    public void Long_messages_are_written_whole()
    {
        string document = string.Concat(Enumerable.Repeat("All happy families. ", 500_000));
        ChatTemplate chat = ChatTemplate.Of(Model(Read("qwen3.jinja")));
        chat.Render([new ChatMessage(ChatMessage.User, document)], true).ShouldBe($"<|im_start|>user\n{document}<|im_end|>\n<|im_start|>assistant\n");
    }

    [Fact]
    public void Models_without_a_template_and_conversations_without_a_message_are_refused()
    {
        Should.Throw<UnsupportedChatException>(() => ChatTemplate.Of(Model(null))).Message.ShouldContain("no chat template");
        Should.Throw<UnsupportedChatException>(() => ChatTemplate.Of(Model("x")).Render([], true)).Message.ShouldContain("no messages");
    }

    private static string Read(string name) => File.ReadAllText(Path.Combine(Folder, name));

    private static ModelTokenizer Model(string? template) => new(new TwoTokens(), template);

    /// <summary>A line of expected.jsonl: a text, or why the template refuses.</summary>
    private sealed record Case(string Template, ChatMessage[] Messages, [property: JsonPropertyName("add_generation_prompt")] bool AddGenerationPrompt, string? Text, string? Refused);

    /// <summary>A vocabulary of the two tokens that templates ask for.</summary>
    private sealed class TwoTokens : ITokenizer
    {
        public int VocabularySize => 2;

        public SpecialTokens Special { get; } = new(0, 1, new HashSet<int> { 1 }, false);

        public bool PrependsSpace => false;

        public int[] EncodePrefix(string text, int maxTokens, bool special = false) => [];

        public void AppendBytes(int id, List<byte> bytes) => bytes.AddRange(id == 0 ? "<s>"u8 : "</s>"u8);
    }
}
