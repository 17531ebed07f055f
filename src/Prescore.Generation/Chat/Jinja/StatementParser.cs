namespace Prescore.Generation.Chat.Jinja;

/// <summary>Reads statements.</summary>
internal sealed class StatementParser
{
    private readonly TokenReader _tokens;
    private readonly ExpressionParser _expressions;

    /// <summary>Loops around the place: <c>break</c> and <c>continue</c> need one.</summary>
    private int _loops;

    private StatementParser(TokenReader tokens) => (_tokens, _expressions) = (tokens, new ExpressionParser(tokens));

    /// <summary>Reads a whole template.</summary>
    /// <exception cref="JinjaException">Something in it is not of the language, or not known here.</exception>
    public static Statement Read(string template)
    {
        var parser = new StatementParser(new TokenReader(Lexer.Read(template)));
        Block all = parser.ReadBlock();
        return parser._tokens.Current.Kind == TokenKind.End ? all : throw parser.NotKnown();
    }

    /// <summary>Reads statements up to the end, or to a tag of one of the names, of which the beginning is taken.</summary>
    private Block ReadBlock(params ReadOnlySpan<string> ends)
    {
        RenderBudget.RequireStack();
        var statements = new List<Statement>();
        int line = _tokens.Current.Line;
        while (_tokens.Current.Kind != TokenKind.End)
        {
            Token token = _tokens.Take();
            if (token.Kind == TokenKind.BlockBegin && (ends.Contains(_tokens.Current.Text) || IsEnd(_tokens.Current.Text)))
            {
                return new Block(statements, line);
            }
            statements.Add(token.Kind switch
            {
                TokenKind.Text => new Verbatim(token.Text, token.Line),
                TokenKind.OutputBegin => ReadOutput(token.Line),
                _ => ReadStatement(token.Line),
            });
        }
        return new Block(statements, line);
    }

    private static bool IsEnd(string name) => name is "else" or "elif" || name.StartsWith("end", StringComparison.Ordinal);

    private Output ReadOutput(int line)
    {
        Expression value = _expressions.ReadAny();
        _tokens.Require(TokenKind.OutputEnd);
        return new Output(value, line);
    }

    private Statement ReadStatement(int line)
    {
        switch (_tokens.Current.Text)
        {
            case "if":
                return ReadIf(line);
            case "for":
                return ReadFor(line);
            case "set":
                return ReadSet(line);
            case "macro":
                return ReadMacro(line);
            case "generation":
                // Marks the model's own words for training; writes what is within.
                _tokens.Take();
                return ReadBody("endgeneration");
            case "break" or "continue" when _loops > 0:
                var leave = new Leave(_tokens.Take().Text == "break" ? Flow.Break : Flow.Continue, line);
                _tokens.Require(TokenKind.BlockEnd);
                return leave;
            default:
                throw NotKnown();
        }
    }

    private JinjaException NotKnown() => new($"the statement '{_tokens.Current.Text}' is not known", _tokens.Current.Line);

    /// <summary>Reads the end of a tag and what follows, up to the tag that closes it.</summary>
    private Block ReadBody(string end)
    {
        _tokens.Require(TokenKind.BlockEnd);
        Block body = ReadBlock(end);
        Close(end);
        return body;
    }

    private void Close(string end)
    {
        if (!_tokens.SkipName(end))
        {
            throw _tokens.Current.Kind == TokenKind.Name ? NotKnown() : _tokens.Unexpected();
        }
        if (end == "endmacro" && _tokens.Current.Kind == TokenKind.Name)
        {
            _tokens.Take();
        }
        _tokens.Require(TokenKind.BlockEnd);
    }

    private If ReadIf(int line)
    {
        RenderBudget.RequireStack();
        _tokens.Take();
        Expression condition = _expressions.ReadWithoutCondition();
        _tokens.Require(TokenKind.BlockEnd);
        Block then = ReadBlock("elif", "else", "endif");
        if (_tokens.IsName("elif"))
        {
            return new If(condition, then, ReadIf(_tokens.Current.Line), line);
        }
        Block? otherwise = _tokens.SkipName("else") ? ReadBody("endif") : null;
        if (otherwise is null)
        {
            Close("endif");
        }
        return new If(condition, then, otherwise, line);
    }

    private For ReadFor(int line)
    {
        _tokens.Take();
        List<string> targets = ReadTargets();
        if (!_tokens.SkipName("in"))
        {
            throw _tokens.Unexpected();
        }
        Expression items = _expressions.ReadWithoutCondition();
        Expression? condition = _tokens.SkipName("if") ? _expressions.ReadAny() : null;
        _tokens.Require(TokenKind.BlockEnd);
        _loops++;
        Block body = ReadBlock("else", "endfor");
        _loops--;
        Block? otherwise = _tokens.SkipName("else") ? ReadBody("endfor") : null;
        if (otherwise is null)
        {
            Close("endfor");
        }
        return new For(targets, items, condition, body, otherwise, line);
    }

    /// <summary>Names of variables; parentheses around several are allowed.</summary>
    private List<string> ReadTargets()
    {
        bool parenthesis = _tokens.Skip("(");
        var names = new List<string>();
        do
        {
            names.Add(_tokens.Require(TokenKind.Name).Text);
        }
        while (_tokens.Skip(","));
        if (parenthesis)
        {
            _tokens.Require(")");
        }
        return names;
    }

    private Statement ReadSet(int line)
    {
        _tokens.Take();
        List<string> targets = ReadTargets();
        string? member = targets.Count == 1 && _tokens.Skip(".") ? _tokens.Require(TokenKind.Name).Text : null;
        if (member is null && targets.Count == 1 && _tokens.Current.Kind == TokenKind.BlockEnd)
        {
            return new SetText(targets[0], ReadOutsideLoops("endset"), line);
        }
        _tokens.Require("=");
        Expression value = ReadValue();
        _tokens.Require(TokenKind.BlockEnd);
        return member is null ? new Set(targets, value, line) : new SetMember(targets[0], member, value, line);
    }

    /// <summary>A value, or several with commas between them, which are a list.</summary>
    private Expression ReadValue()
    {
        var values = new List<Expression>();
        do
        {
            values.Add(_expressions.ReadAny());
        }
        while (_tokens.Skip(","));
        return values.Count == 1 ? values[0] : new ListOf(values);
    }

    private Macro ReadMacro(int line)
    {
        _tokens.Take();
        string name = _tokens.Require(TokenKind.Name).Text;
        var parameters = new List<(string, Expression?)>();
        _tokens.Require("(");
        while (!_tokens.Skip(")"))
        {
            string parameter = _tokens.Require(TokenKind.Name).Text;
            parameters.Add((parameter, _tokens.Skip("=") ? _expressions.ReadAny() : null));
            if (!_tokens.Is(")"))
            {
                _tokens.Require(",");
            }
        }
        return new Macro(name, parameters, ReadOutsideLoops("endmacro"), line);
    }

    /// <summary>Reads a body that a <c>break</c> cannot leave.</summary>
    private Block ReadOutsideLoops(string end)
    {
        int loops = _loops;
        _loops = 0;
        Block body = ReadBody(end);
        _loops = loops;
        return body;
    }
}
