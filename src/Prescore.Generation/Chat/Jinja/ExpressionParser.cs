using System.Globalization;

namespace Prescore.Generation.Chat.Jinja;

/// <summary>Reads expressions. A method a level of precedence, from the loosest: condition, or, and, not, comparison, sum, '~', product, sign.</summary>
internal sealed class ExpressionParser(TokenReader tokens)
{
    private static readonly string[] Comparisons = ["==", "!=", "<", "<=", ">", ">="];
    private static readonly string[] Keywords = ["and", "or", "not", "is", "in", "if", "else"];

    /// <summary>Reads an expression.</summary>
    /// <exception cref="JinjaException">Something in it is not of the language, or not known here.</exception>
    public Expression ReadAny()
    {
        RenderBudget.RequireStack();
        Expression value = ReadWithoutCondition();
        while (tokens.SkipName("if"))
        {
            Expression condition = ReadWithoutCondition();
            value = new Conditional(condition, value, tokens.SkipName("else") ? ReadAny() : null);
        }
        return value;
    }

    /// <summary>Reads an expression that ends before an 'if'.</summary>
    public Expression ReadWithoutCondition()
    {
        Expression left = ReadAnd();
        while (tokens.SkipName("or"))
        {
            left = new Logical(isAnd: false, left, ReadAnd());
        }
        return left;
    }

    private Expression ReadAnd()
    {
        Expression left = ReadNot();
        while (tokens.SkipName("and"))
        {
            left = new Logical(isAnd: true, left, ReadNot());
        }
        return left;
    }

    private Expression ReadNot()
    {
        RenderBudget.RequireStack();
        return tokens.SkipName("not") ? new Not(ReadNot()) : ReadComparison();
    }

    private Expression ReadComparison()
    {
        Expression first = ReadSum();
        var others = new List<(string, Expression)>();
        while (ReadComparisonSymbol() is string symbol)
        {
            others.Add((symbol, ReadSum()));
        }
        return others.Count == 0 ? first : new Comparison(first, others);
    }

    private string? ReadComparisonSymbol()
    {
        if (tokens.SkipName("in"))
        {
            return "in";
        }
        if (tokens.IsName("not") && tokens.Following is { Kind: TokenKind.Name, Text: "in" })
        {
            tokens.Take();
            tokens.Take();
            return "not in";
        }
        return Comparisons.FirstOrDefault(tokens.Skip);
    }

    private Expression ReadSum() => ReadCalculation(() => ReadCalculation(ReadProduct, "~"), "+", "-");

    private Expression ReadProduct() => ReadCalculation(() => ReadSigned(withFilters: true), "*", "/", "//", "%");

    private Expression ReadCalculation(Func<Expression> readOperand, params ReadOnlySpan<string> symbols)
    {
        Expression left = readOperand();
        while (tokens.Current.Kind == TokenKind.Operator && symbols.Contains(tokens.Current.Text))
        {
            left = new Calculation(tokens.Take().Text, left, readOperand());
        }
        return left;
    }

    /// <summary>A sign takes no filters: <c>-a | f</c> filters <c>-a</c>.</summary>
    private Expression ReadSigned(bool withFilters)
    {
        RenderBudget.RequireStack();
        Expression value = tokens.Skip("-") ? new Negation(ReadSigned(withFilters: false)) : ReadAfter(ReadPrimary());
        return withFilters ? ReadFilters(value) : value;
    }

    private Expression ReadPrimary()
    {
        Token token = tokens.Take();
        return token.Kind switch
        {
            TokenKind.String => ReadString(token.Text),
            TokenKind.Integer => new Literal(
                long.TryParse(token.Text, CultureInfo.InvariantCulture, out long number) ? number : throw new JinjaException($"the number {token.Text}", token.Line)),
            TokenKind.Name when !Keywords.Contains(token.Text) => ReadName(token.Text),
            TokenKind.Operator when token.Text == "(" => ReadParenthesis(),
            TokenKind.Operator when token.Text == "[" => new ListOf(ReadList("]", ReadAny)),
            TokenKind.Operator when token.Text == "{" => new MappingOf(ReadList("}", ReadPair)),
            _ => throw new JinjaException(token.Kind is TokenKind.Name or TokenKind.Operator ? $"unexpected '{token.Text}'" : "an expression ends too early", token.Line),
        };
    }

    private static Expression ReadName(string name) => name switch
    {
        "true" or "True" => new Literal(true),
        "false" or "False" => new Literal(false),
        "none" or "None" => new Literal(null),
        _ => new Variable(name),
    };

    private Literal ReadString(string first)
    {
        string text = first;
        while (tokens.Current.Kind == TokenKind.String)
        {
            text += tokens.Take().Text;
        }
        return new Literal(text);
    }

    private Expression ReadParenthesis()
    {
        if (tokens.Skip(")"))
        {
            return new ListOf([]);
        }
        Expression first = ReadAny();
        if (tokens.Skip(")"))
        {
            return first;
        }
        tokens.Require(",");
        return new ListOf([first, .. ReadList(")", ReadAny)]);
    }

    private List<T> ReadList<T>(string close, Func<T> readItem)
    {
        var items = new List<T>();
        while (!tokens.Skip(close))
        {
            items.Add(readItem());
            if (!tokens.Is(close))
            {
                tokens.Require(",");
            }
        }
        return items;
    }

    private (Expression, Expression) ReadPair()
    {
        Expression key = ReadAny();
        tokens.Require(":");
        return (key, ReadAny());
    }

    /// <summary>Attributes, items and calls.</summary>
    private Expression ReadAfter(Expression value)
    {
        while (true)
        {
            if (tokens.Skip("."))
            {
                value = new Member(value, tokens.Require(TokenKind.Name).Text);
            }
            else if (tokens.Skip("["))
            {
                value = ReadItem(value);
            }
            else if (tokens.Skip("("))
            {
                value = new Call(value, ReadArguments());
            }
            else
            {
                return value;
            }
        }
    }

    private Expression ReadItem(Expression target)
    {
        Expression? first = tokens.Is(":") ? null : ReadAny();
        if (first is not null && tokens.Skip("]"))
        {
            return new Item(target, first);
        }
        tokens.Require(":");
        Expression? stop = tokens.Is(":") || tokens.Is("]") ? null : ReadAny();
        Expression? step = tokens.Skip(":") && !tokens.Is("]") ? ReadAny() : null;
        tokens.Require("]");
        return new Slice(target, first, stop, step);
    }

    private Arguments ReadArguments()
    {
        var positional = new List<Expression>();
        var named = new Dictionary<string, Expression>(StringComparer.Ordinal);
        ReadList(")", () =>
        {
            if (tokens.Current.Kind == TokenKind.Name && tokens.Following is { Kind: TokenKind.Operator, Text: "=" })
            {
                string name = tokens.Take().Text;
                tokens.Require("=");
                named[name] = ReadAny();
            }
            else
            {
                positional.Add(named.Count == 0 ? ReadAny() : throw tokens.Unexpected());
            }
            return 0;
        });
        return new Arguments(positional, named);
    }

    private Expression ReadFilters(Expression value)
    {
        while (true)
        {
            if (tokens.Skip("|"))
            {
                string name = tokens.Require(TokenKind.Name).Text;
                value = new Filter(value, name, tokens.Skip("(") ? ReadArguments() : Arguments.None);
            }
            else if (tokens.SkipName("is"))
            {
                value = ReadTest(value);
            }
            else if (tokens.Skip("("))
            {
                value = new Call(value, ReadArguments());
            }
            else
            {
                return value;
            }
        }
    }

    private Expression ReadTest(Expression value)
    {
        bool negated = tokens.SkipName("not");
        string name = tokens.Require(TokenKind.Name).Text;
        Arguments arguments = tokens.Skip("(") ? ReadArguments() : BeginsOperand() ? new Arguments([ReadAfter(ReadPrimary())], new Dictionary<string, Expression>()) : Arguments.None;
        if (tokens.IsName("is"))
        {
            throw tokens.Unexpected();
        }
        var test = new Test(value, name, arguments);
        return negated ? new Not(test) : test;
    }

    /// <summary>A test's only argument may stand without parentheses.</summary>
    private bool BeginsOperand() => tokens.Current.Kind switch
    {
        TokenKind.Name => !Keywords.Contains(tokens.Current.Text),
        TokenKind.Operator => tokens.Is("[") || tokens.Is("{"),
        TokenKind.String or TokenKind.Integer => true,
        _ => false,
    };
}
