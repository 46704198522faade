using System.Globalization;
using LowRank.Text.Templates.Values;

namespace LowRank.Text.Templates.Syntax;

/// <summary>The grammar of expressions, from the loosest operator to the tightest.</summary>
internal abstract partial class ExpressionParser(Source source, List<Token> tokens) : TokenReader(source, tokens)
{
    private static readonly Dictionary<string, Comparison> Comparisons = new() { ["=="] = Comparison.Equal, ["!="] = Comparison.NotEqual, ["<"] = Comparison.Less, ["<="] = Comparison.LessOrEqual, [">"] = Comparison.Greater, [">="] = Comparison.GreaterOrEqual };
    private static readonly Dictionary<string, BinaryOperator> Sums = new() { ["+"] = BinaryOperator.Add, ["-"] = BinaryOperator.Subtract };
    private static readonly Dictionary<string, BinaryOperator> Products = new() { ["*"] = BinaryOperator.Multiply, ["/"] = BinaryOperator.Divide, ["//"] = BinaryOperator.FloorDivide, ["%"] = BinaryOperator.Modulo };
    private static readonly Dictionary<string, BinaryOperator> Powers = new() { ["**"] = BinaryOperator.Power };
    private static readonly Dictionary<string, Value> Words = new() { ["true"] = Bool.True, ["True"] = Bool.True, ["false"] = Bool.False, ["False"] = Bool.False, ["none"] = None.Instance, ["None"] = None.Instance };

    protected Expression Expression(bool conditional = true) => conditional ? Within(Conditional) : Within(Or);

    private Expression Conditional()
    {
        var then = Or();
        while (Current.IsName("if"))
        {
            int offset = Next().Offset;
            var test = Or();
            var otherwise = SkipName("else") ? Within(Conditional) : null;
            then = Checked(new Conditional(offset, test, then, otherwise, Source.Place(offset).Line));
        }
        return then;
    }

    private Expression Or()
    {
        var left = And();
        while (Current.IsName("or")) left = Checked(new Logic(Next().Offset, false, left, And()));
        return left;
    }

    private Expression And()
    {
        var left = Negated();
        while (Current.IsName("and")) left = Checked(new Logic(Next().Offset, true, left, Negated()));
        return left;
    }

    private Expression Negated() => Current.IsName("not") ? Checked(new Not(Next().Offset, Within(Negated))) : Comparison_();

    private Expression Comparison_()
    {
        int offset = Current.Offset;
        var first = Sum();
        List<(Comparison, Expression)> rest = [];
        while (true)
        {
            if (Current.Kind == TokenKind.Operator && Comparisons.TryGetValue(Current.Text, out var op)) Next();
            else if (SkipName("in")) op = Comparison.In;
            else if (Current.IsName("not") && Ahead.IsName("in"))
            {
                Next();
                Next();
                op = Comparison.NotIn;
            }
            else break;
            rest.Add((op, Sum()));
        }
        return rest.Count == 0 ? first : Checked(new Compare(offset, first, [.. rest]));
    }

    private Expression Sum() => LeftToRight(Sums, Concatenation);

    private Expression Concatenation()
    {
        int offset = Current.Offset;
        var first = Product();
        if (!Current.Is("~")) return first;
        List<Expression> parts = [first];
        while (Skip("~")) parts.Add(Product());
        return Checked(new Concat(offset, [.. parts]));
    }

    private Expression Product() => LeftToRight(Products, Power);

    private Expression Power() => LeftToRight(Powers, () => Unary());

    private Expression LeftToRight(Dictionary<string, BinaryOperator> operators, Func<Expression> operand)
    {
        var left = operand();
        while (Current.Kind == TokenKind.Operator && operators.TryGetValue(Current.Text, out var op)) left = Checked(new Binary(Next().Offset, op, left, operand()));
        return left;
    }

    private Expression Unary(bool withFilter = true)
    {
        var node = Current.Is("-") || Current.Is("+") ? Signed() : Primary();
        node = Postfix(node);
        return withFilter ? Filtered(node) : node;
    }

    private Expression Signed()
    {
        var token = Next();
        return Checked(new Sign(token.Offset, token.Text == "-", Within(() => Unary(false))));
    }

    protected Expression Primary(bool withNamespace = false)
    {
        var token = Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                Next();
                if (Words.TryGetValue(token.Text, out var word)) return new Const(token.Offset, word);
                if (!withNamespace || !Current.Is(".")) return new Name(token.Offset, token.Text);
                Next();
                return new NamespaceTarget(token.Offset, new Name(token.Offset, token.Text), Expect(TokenKind.Name).Text);
            case TokenKind.String:
                string text = "";
                while (Current.Kind == TokenKind.String) text += Next().Text;
                return new Const(token.Offset, Str.Of(text));
            case TokenKind.Integer:
                Next();
                return new Const(token.Offset, IntegerOf(token));
            case TokenKind.Float:
                Next();
                return new Const(token.Offset, new Float(double.Parse(token.Text, CultureInfo.InvariantCulture)));
            case TokenKind.Operator when token.Text == "(":
                Next();
                var inner = Within(() => Tuple(parentheses: true));
                Expect(")");
                return inner;
            case TokenKind.Operator when token.Text == "[": return Within(List);
            case TokenKind.Operator when token.Text == "{": return Within(Dict);
            default: throw Error($"unexpected '{token.Description}'");
        }
    }

    private Int IntegerOf(Token token)
        => token.Text.Length <= TemplateLimits.IntegerDigits ? Int.Of(TagScanner.IntegerOf(token.Text)) : throw Error($"Exceeds the limit ({TemplateLimits.IntegerDigits} digits) for integer string conversion", token.Offset);

    /// <summary>An expression, or several with commas between them.</summary>
    protected Expression Tuple(bool simple = false, bool conditional = true, string? endsBefore = null, bool parentheses = false, bool withNamespace = false)
    {
        int offset = Current.Offset;
        List<Expression> items = [];
        bool isTuple = false;
        while (true)
        {
            if (items.Count > 0) Expect(",");
            if (Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd || Current.Is(")") || (endsBefore is not null && Current.IsName(endsBefore))) break;
            items.Add(simple ? Primary(withNamespace) : Expression(conditional));
            if (!Current.Is(",")) break;
            isTuple = true;
        }
        if (!isTuple && items.Count > 0) return items[0];
        if (!isTuple && !parentheses) throw Error($"Expected an expression, got '{Current.Description}'");
        return Checked(new SequenceNode(offset, true, [.. items]));
    }

    private SequenceNode List()
    {
        int offset = Expect("[").Offset;
        List<Expression> items = [];
        while (!Current.Is("]"))
        {
            if (items.Count > 0) Expect(",");
            if (Current.Is("]")) break;
            items.Add(Expression());
        }
        Expect("]");
        return Checked(new SequenceNode(offset, false, [.. items]));
    }

    private DictNode Dict()
    {
        int offset = Expect("{").Offset;
        List<(Expression, Expression)> items = [];
        while (!Current.Is("}"))
        {
            if (items.Count > 0) Expect(",");
            if (Current.Is("}")) break;
            var key = Expression();
            Expect(":");
            items.Add((key, Expression()));
        }
        Expect("}");
        return Checked(new DictNode(offset, [.. items]));
    }
}
