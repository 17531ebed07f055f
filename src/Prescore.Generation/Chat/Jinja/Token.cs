namespace Prescore.Generation.Chat.Jinja;

/// <summary>Kinds of the parts that a template is made of.</summary>
internal enum TokenKind
{
    /// <summary>What is written as it stands.</summary>
    Text,

    /// <summary><c>{{</c></summary>
    OutputBegin,

    /// <summary><c>}}</c></summary>
    OutputEnd,

    /// <summary><c>{%</c></summary>
    BlockBegin,

    /// <summary><c>%}</c></summary>
    BlockEnd,

    /// <summary>A name or a keyword.</summary>
    Name,

    /// <summary>A string; the token's text is its value.</summary>
    String,

    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>An operator or a bracket.</summary>
    Operator,

    /// <summary>The end of the template.</summary>
    End,
}

/// <summary>A part of a template.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Its text; of a string, its value.</param>
/// <param name="Line">The line where it begins, from 1.</param>
internal readonly record struct Token(TokenKind Kind, string Text, int Line);
