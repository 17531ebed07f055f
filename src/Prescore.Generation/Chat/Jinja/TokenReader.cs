namespace Prescore.Generation.Chat.Jinja;

/// <summary>A place in a template's tokens.</summary>
internal sealed class TokenReader(IReadOnlyList<Token> tokens)
{
    private int _at;

    /// <summary>The token to be read next.</summary>
    public Token Current => tokens[_at];

    /// <summary>The one after it.</summary>
    public Token Following => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    /// <summary>Takes a token.</summary>
    public Token Take() => Current.Kind == TokenKind.End ? Current : tokens[_at++];

    /// <summary>Whether an operator or a bracket follows.</summary>
    public bool Is(string symbol) => Current.Kind == TokenKind.Operator && Current.Text == symbol;

    /// <summary>Whether a name or a keyword follows.</summary>
    public bool IsName(string name) => Current.Kind == TokenKind.Name && Current.Text == name;

    /// <summary>Takes an operator if it follows.</summary>
    public bool Skip(string symbol)
    {
        bool follows = Is(symbol);
        _at += follows ? 1 : 0;
        return follows;
    }

    /// <summary>Takes a keyword if it follows.</summary>
    public bool SkipName(string name)
    {
        bool follows = IsName(name);
        _at += follows ? 1 : 0;
        return follows;
    }

    /// <summary>Takes an operator that has to follow.</summary>
    public void Require(string symbol)
    {
        if (!Skip(symbol))
        {
            throw Unexpected();
        }
    }

    /// <summary>Takes a token of a kind that has to follow.</summary>
    public Token Require(TokenKind kind) => Current.Kind == kind ? Take() : throw Unexpected();

    /// <summary>Says that the next token has no place here.</summary>
    public JinjaException Unexpected() => new(
        Current.Kind switch
        {
            TokenKind.End => "the template ends too early",
            TokenKind.OutputEnd or TokenKind.BlockEnd => "a tag ends too early",
            TokenKind.String => $"unexpected text '{Current.Text}'",
            _ => $"unexpected '{Current.Text}'",
        },
        Current.Line);
}
