using Prescore.Generation.Chat;
using Prescore.Models.Tokenizers;

namespace Prescore.Tests.Generation;

public class ChatTemplateTests
{
    private static readonly ChatMessage[] Talk =
    [
        new(ChatMessage.User, "Hi"), new(ChatMessage.Assistant, "Hello!"), new(ChatMessage.User, "Who?"),
    ];

    private static readonly ChatMessage System = new(ChatMessage.System, "Be brief.");

    [Theory]
    [InlineData("{{'<|im_start|>'}}", "chatml", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n")]
    [InlineData("<|im_start|> enable_thinking", "qwen3", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n")]
    [InlineData("<|start_header_id|>", "llama3", "<s><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello!<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWho?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n")]
    [InlineData("<start_of_turn>", "gemma", "<s><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello!<end_of_turn>\n<start_of_turn>user\nWho?<end_of_turn>\n<start_of_turn>model\n")]
    [InlineData("[INST] <<SYS>>", "llama2", "<s>[INST] Hi [/INST] Hello! </s><s>[INST] Who? [/INST]")]
    [InlineData("'[INST] ' + x + ' [/INST]'", "mistral", "<s>[INST] Hi [/INST]Hello!</s>[INST] Who? [/INST]")]
    [InlineData("[gMASK]<sop> <|assistant|>\\n", "glm", "[gMASK]<sop><|user|>\nHi<|assistant|>\nHello!<|user|>\nWho?<|assistant|>\n")]
    [InlineData("[gMASK]sop", "glm", "[gMASK]sop<|user|>\n Hi<|assistant|>\n Hello!<|user|>\n Who?<|assistant|>")]
    [InlineData("'<|user|>\n' + eos_token", "zephyr", "<|user|>\nHi</s>\n<|assistant|>\nHello!</s>\n<|user|>\nWho?</s>\n<|assistant|>\n")]
    public void Families_are_recognised_and_written(string template, string family, string text)
    {
        ChatTemplate chat = ChatTemplate.Of(Model(template));
        chat.Family.ShouldBe(family);
        chat.Render(Talk, addGenerationPrompt: true).ShouldBe(text);
    }

    [Theory]
    [InlineData("<|im_start|>", "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n")]
    [InlineData("<|start_header_id|>", "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>")]
    [InlineData("<|start_header_id|> Cutting Knowledge Date date_string = \"1 May 2024\"", "<s><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: 1 May 2024\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>")]
    [InlineData("<start_of_turn>", "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n")]
    [InlineData("[INST] <<SYS>>", "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST]")]
    [InlineData("[gMASK]<sop>", "[gMASK]<sop><|system|>\nBe brief.<|user|>\nHi")]
    public void System_messages_have_their_place(string template, string text) =>
        ChatTemplate.Of(Model(template)).Render([System, Talk[0]], addGenerationPrompt: false).ShouldBe(text);

    [Fact]
    public void A_system_message_of_the_template_is_put_in_where_there_is_none()
    {
        ChatTemplate chat = ChatTemplate.Of(Model("{{ '<|im_start|>system\\nYou help.<|im_end|>\\n' }}"));
        chat.Render([Talk[0]], false).ShouldBe("<|im_start|>system\nYou help.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n");
        chat.Render([System, Talk[0]], false).ShouldBe("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n");
    }

    [Fact]
    public void Qwen3_drops_earlier_thoughts()
    {
        ChatTemplate chat = ChatTemplate.Of(Model("<|im_start|> enable_thinking"));
        ChatMessage answer = new(ChatMessage.Assistant, "<think>\nhm\n</think>\n\nYes.");
        chat.Render([Talk[0], answer, Talk[2]], false).ShouldContain("assistant\nYes.<|im_end|>");
        chat.Render([Talk[0], answer], false).ShouldContain("assistant\n<think>\nhm\n</think>\n\nYes.<|im_end|>");
    }

    [Fact]
    public void What_a_format_has_no_place_for_is_refused()
    {
        Should.Throw<UnsupportedChatException>(() => ChatTemplate.Of(Model(null))).Message.ShouldContain("no chat template");
        Should.Throw<UnsupportedChatException>(() => ChatTemplate.Of(Model("{{ messages }}"))).Message.ShouldContain("no known family");
        ChatTemplate mistral = ChatTemplate.Of(Model("[INST]"));
        Should.Throw<UnsupportedChatException>(() => mistral.Render([System, Talk[0]], true));
        Should.Throw<UnsupportedChatException>(() => mistral.Render([Talk[1]], true)).Message.ShouldContain("take turns");
        Should.Throw<UnsupportedChatException>(() => mistral.Render([], true));
        ChatTemplate chatMl = ChatTemplate.Of(Model("<|im_start|>"));
        Should.Throw<UnsupportedChatException>(() => chatMl.Render([new ChatMessage("tool", "x")], true)).Message.ShouldContain("'tool'");
        Should.Throw<UnsupportedChatException>(() => chatMl.Render([Talk[0], System], true)).Message.ShouldContain("first");
    }

    private static ModelTokenizer Model(string? template) => new(new TwoTokens(), template);

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
