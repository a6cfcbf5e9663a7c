"""The grammar: what queries mean, how they are printed, and what is said of wrong ones."""

import pytest

from belvedere.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    MatrixSelector,
    NumberLiteral,
    Subquery,
    Unary,
    VectorSelector,
    children,
)
from belvedere.query.promql.errors import ParseError
from belvedere.query.promql.options import EXPERIMENTAL, ParserOptions
from belvedere.query.promql.parse import parse, parse_selector

# Query, and how upstream prints it.
PRINTED = [
    ("1", "1"),
    ("+0x1F", "31"),
    ("017", "15"),
    ("1_000.5", "1000.5"),
    ("-1e-3", "-0.001"),
    ("inf", "+Inf"),
    ("- - 1", "1"),
    ("5m", "5m"),
    ("-1h30m", "-1h30m"),
    ("'a\\n\"'", '"a\\n\\""'),
    ("`a\\n`", '"a\\\\n"'),
    ('"\\u00e9\\377"', '"é\\xff"'),
    ("2 ^ 3 ^ 2", "2 ^ 3 ^ 2"),
    ("foo{b='1',a=~\"x|y\"}", 'foo{a=~"x|y",b="1"}'),
    ("{__name__='foo'}", '{__name__="foo"}'),
    ('{"foo.bar", "a b"="c"}', '{"a b"="c",__name__="foo.bar"}'),
    ("foo:bar offset -5m @ 1.5", "foo:bar @ 1.500 offset -5m"),
    ("foo[5m] @ start() offset 1w", "foo[5m] @ start() offset 1w"),
    ("foo[90s]", "foo[1m30s]"),
    ("foo[1 + 2 * step()]", "foo[1 + 2 * step()]"),
    ("foo offset (min_of(step(), 1m))", "foo offset (min_of(step(), 1m))"),
    ("foo[(5m)]", "foo[(5m)]"),
    ("rate(foo[1h])[1d:5m] @ end()", "rate(foo[1h])[1d:5m] @ end()"),
    ("foo[5m:]", "foo[5m:]"),
    ("SUM(foo) BY (job, le)", "sum by (job, le) (foo)"),
    ("sum without () (foo)", "sum without () (foo)"),
    ('topk by ("a b", c,) (5, foo)', 'topk by ("a b", c) (5, foo)'),
    ("a + on (x) group_left (y) b", "a + on (x) group_left (y) b"),
    ("a == bool ignoring() b", "a == bool b"),
    ("a and on() b", "a and on () b"),
    ("a / ignoring(x) group_right b", "a / ignoring (x) group_right () b"),
    ("a + fill(0) b", "a + fill (0) b"),
    ("a + fill_left(-1) fill_right(2) b", "a + fill_left (-1) fill_right (2) b"),
    ("fill + fill", "fill + fill"),
    ("h </ 5 >/ 1", "h </ 5 >/ 1"),
    ("rate(foo[5m] anchored)", "rate(foo[5m] anchored)"),
    ("foo smoothed offset 1m", "foo smoothed offset 1m"),
    ("-(foo)", "-(foo)"),
    ("+foo", "+foo"),
    ("start() + time()", "start() + time()"),
    ("offset{step='1s'}", 'offset{step="1s"}'),
    ("sum + avg", "sum + avg"),
    ("foo # the rest\n * 2", "foo * 2"),
]


@pytest.mark.parametrize(("query", "printed"), PRINTED, ids=[query for query, _ in PRINTED])
def test_prints_as_upstream_and_means_the_same_again(query: str, printed: str) -> None:
    tree = parse(query, EXPERIMENTAL)
    assert str(tree) == printed
    assert parse(printed, EXPERIMENTAL) == tree


@pytest.mark.parametrize(
    ("query", "grouped"),
    [
        ("a + b * c ^ d", "(a + (b * (c ^ d)))"),
        ("a ^ b ^ c", "(a ^ (b ^ c))"),
        ("a - b - c", "((a - b) - c)"),
        ("-a ^ b", "-((a ^ b))"),
        ("-a * b", "(-(a) * b)"),
        ("a ^ -b * c", "((a ^ -(b)) * c)"),
        ("a or b and c unless d", "(a or ((b and c) unless d))"),
        ("a > b == c + d", "((a > b) == (c + d))"),
        ("a </ b + c", "(a </ (b + c))"),
        ("a atan2 b % c", "((a atan2 b) % c)"),
        ("a + b offset 5m", "(a + b offset 5m)"),
        ("a offset 5 ^ 2", "(a offset 5s ^ 2)"),
        ("a offset -2 * 2", "(a offset -2s * 2)"),
    ],
)
def test_operators_bind_as_upstream(query: str, grouped: str) -> None:
    def bracketed(tree: object) -> str:
        if isinstance(tree, Binary):
            return f"({bracketed(tree.left)} {tree.op} {bracketed(tree.right)})"
        if isinstance(tree, Unary):
            return f"{tree.op}({bracketed(tree.expression)})"
        return str(tree)

    assert bracketed(parse(query)) == grouped


FAULTS = [
    ("", "unknown position: parse error: no expression found in input"),
    ("# nothing", "1:1: parse error: no expression found in input"),
    ("1 /", "1:4: parse error: unexpected end of input"),
    ("*1", "1:1: parse error: unexpected <op:*>"),
    ("(1))", "1:5: parse error: unexpected right parenthesis ')'"),
    ("((1)", "1:5: parse error: unclosed left parenthesis"),
    ("foo bar", '1:5: parse error: unexpected identifier "bar"'),
    ("foo\n  bar", '2:3: parse error: unexpected identifier "bar"'),
    ("é", "1:1: parse error: unexpected character: 'é'"),
    ("foo!", "1:4: parse error: unexpected character after '!': '\ufffd'"),
    ('"é" + $', "1:8: parse error: unexpected character: '$'"),
    ("100..4", '1:1: parse error: bad number or duration syntax: "100.."'),
    ("0deadbeef", '1:1: parse error: bad number or duration syntax: "0de"'),
    (
        "1e999",
        (
            '1:1: parse error: error parsing number: strconv.ParseFloat: parsing "1e999": '
            "value out of range"
        ),
    ),
    ("foo[5m1h]", '1:5: parse error: not a valid duration string: "5m1h"'),
    ("foo[5y1hs]", '1:5: parse error: unknown unit "hs" in duration "5y1hs"'),
    ("foo[5mm]", '1:5: parse error: bad number or duration syntax: "5mm"'),
    ('foo["5m"]', "1:5: parse error: unexpected character in duration expression: '\"'"),
    (
        "foo[]",
        (
            '1:5: parse error: unexpected "]" in subquery or range selector, expected number, '
            "duration, step(), or range()"
        ),
    ),
    ("foo[0m]", "1:5: parse error: duration must be greater than 0"),
    ("foo[1/0]", "1:7: parse error: division by zero"),
    ("foo[5m:1m", "1:10: parse error: unclosed left bracket"),
    ("foo[", "1:5: parse error: unexpected end of input in duration expression"),
    (
        "foo[5m 1]",
        ('1:8: parse error: unexpected number "1" in subquery or range, expected ":" or "]"'),
    ),
    ("(foo)[5m]", "1:6: parse error: ranges only allowed for vector selectors"),
    ("foo offset 1m[5m]", "1:14: parse error: no offset modifiers allowed before range"),
    ("foo @ 5 [5m]", "1:9: parse error: no @ modifiers allowed before range"),
    (
        "foo offset",
        (
            "1:11: parse error: unexpected end of input in offset, expected number, "
            "duration, step(), or range()"
        ),
    ),
    (
        "1 offset 1d",
        (
            "1:1: parse error: offset modifier must be preceded by an instant vector "
            "selector or range vector selector or a subquery"
        ),
    ),
    ("foo offset 1s offset 2s", "1:1: parse error: offset may not be set multiple times"),
    ("foo @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"),
    ("foo @ bar", '1:7: parse error: unexpected identifier "bar" in @, expected timestamp'),
    ("foo @ Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"),
    ("foo{a=b}", '1:7: parse error: unexpected identifier "b" in label matching, expected string'),
    (
        "foo{a}",
        ('1:6: parse error: unexpected "}" in label matching, expected label matching operator'),
    ),
    ("foo{,}", '1:5: parse error: unexpected "," in label matching, expected identifier or "}"'),
    (
        'foo{a="1" b}',
        ('1:11: parse error: unexpected identifier "b" in label matching, expected "," or "}"'),
    ),
    ("foo{1}", "1:5: parse error: unexpected character inside braces: '1'"),
    ("foo{", "1:5: parse error: unexpected end of input inside braces"),
    ('foo{a=~"("}', "1:5: parse error: error parsing regexp: missing closing ): `^(?s:()$`"),
    ('{x=""}', "1:1: parse error: vector selector must contain at least one non-empty matcher"),
    ('foo{__name__="bar"}', '1:1: parse error: metric name must not be set twice: "foo" or "bar"'),
    ('"\\c"', "1:1: parse error: unknown escape sequence U+0063 'c'"),
    ('"\\x."', "1:1: parse error: illegal character U+002E '.' in escape sequence"),
    ('"abc', "1:1: parse error: unterminated quoted string"),
    ("`abc", "1:1: parse error: unterminated raw string"),
    ("sum(foo bar)", '1:9: parse error: unexpected identifier "bar" in aggregation'),
    ("sum()", "1:1: parse error: no arguments for aggregate expression provided"),
    (
        "topk(foo)",
        (
            "1:1: parse error: wrong number of arguments for aggregate expression "
            "provided, expected 2, got 1"
        ),
    ),
    (
        "topk(foo, bar)",
        ("1:6: parse error: expected type scalar in aggregation parameter, got instant vector"),
    ),
    (
        "sum(foo) by job",
        ('1:13: parse error: unexpected identifier "job" in grouping opts, expected "("'),
    ),
    (
        "sum by (a b) (c)",
        ('1:11: parse error: unexpected identifier "b" in grouping opts, expected "," or ")"'),
    ),
    ("sum by (1) (c)", '1:9: parse error: unexpected number "1" in grouping opts, expected label'),
    (
        "limitk(1, foo)",
        (
            "1:1: parse error: limitk() is experimental and must be enabled with "
            "--enable-feature=promql-experimental-functions"
        ),
    ),
    ("nothing()", '1:1: parse error: unknown function with name "nothing"'),
    ("step()", '1:1: parse error: function "step" is not enabled'),
    ("abs(foo,)", "1:8: parse error: trailing commas not allowed in function call args"),
    ("floor()", '1:1: parse error: expected 1 argument(s) in call to "floor", got 0'),
    ("hour(a, b)", '1:1: parse error: expected at most 1 argument(s) in call to "hour", got 2'),
    (
        'label_join(a, "b")',
        ('1:1: parse error: expected at least 3 argument(s) in call to "label_join", got 2'),
    ),
    (
        "rate(foo)",
        (
            '1:6: parse error: expected type range vector in call to function "rate", '
            "got instant vector"
        ),
    ),
    ("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
    ("1 + bool 1", "1:3: parse error: bool modifier can only be used on comparison operators"),
    ("1 and 1", '1:1: parse error: set operator "and" not allowed in binary scalar expression'),
    ("foo + on(a) 1", "1:1: parse error: vector matching only allowed between instant vectors"),
    ("a or on(b) group_left c", '1:1: parse error: no grouping allowed for "or" operation'),
    (
        "a * on(b) group_left(b) c",
        '1:3: parse error: label "b" must not occur in ON and GROUP clause at once',
    ),
    ("a - on(b) ignoring(c) d", "1:11: parse error: unexpected <ignoring>"),
    (
        '-"a"',
        (
            "1:1: parse error: unary expression only allowed on expressions of type scalar or "
            'instant vector, got "string"'
        ),
    ),
    (
        "foo[5m] + 1",
        ("1:1: parse error: binary expression must contain only scalar and instant vector types"),
    ),
    ("1[5m:]", "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"),
    ("foo smoothed", "1:1: parse error: smoothed modifier is experimental and not enabled"),
    ("a + fill(1) b", "1:1: parse error: binop fill modifiers are experimental and not enabled"),
]


@pytest.mark.parametrize(("query", "message"), FAULTS, ids=[query for query, _ in FAULTS])
def test_faults_are_told_as_upstream_tells_them(query: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(query)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "query",
    [
        "(" * 5000 + "1" + ")" * 5000,
        "-" * 5000 + "foo",
        "1 " + "+ 1 " * 5000,
        "1 " + "^ 1 " * 5000,
        "foo" + "[1m:]" * 1000,
        "foo" + "[1m:]" * 1000 + "offset 1m offset 1m",
        "abs(" * 5000 + "foo" + ")" * 5000,
        "foo[" + "(" * 5000 + "1" + ")" * 5000 + "]",
        "foo[" + "1s + " * 5000 + "1s]",
        "foo offset (" + "1s + " * 5000 + "1s)",
        "foo[" + "(" * 90 + "1s" + (" + 1s" * 90 + ")") * 90 + "]",
    ],
    ids=[
        *("parentheses", "signs", "chain", "powers", "subqueries", "offsets", "calls", "duration"),
        *("duration chain", "offset chain", "nested duration chains"),
    ],
)
def test_deep_nesting_is_refused(query: str) -> None:
    with pytest.raises(ParseError, match=r"nested deeper than|multiple times"):
        parse(query)


@pytest.mark.parametrize(
    "query",
    [
        'label_join(foo, "a", "b"' + ', "c"' * 20_000 + ")",
        "sum by (" + "a, " * 20_000 + "b) (foo)",
        "{" + 'a="b", ' * 20_000 + "}",
    ],
    ids=["arguments", "grouping", "matchers"],
)
def test_long_queries_are_refused(query: str) -> None:
    with pytest.raises(ParseError, match=r"parse error: query has more than 20000 tokens"):
        parse(query)


def test_times_stay_within_64_bits() -> None:
    tree = parse("foo @ 9.2e18")
    assert isinstance(tree, VectorSelector)
    assert tree.shift.at_ms == 1 << 62


def test_a_duration_has_as_many_digits_as_fit() -> None:
    with pytest.raises(ParseError, match="duration out of range"):
        parse("foo[" + "9" * 5000 + "s]")
    assert parse("foo[" + "0" * 5000 + "1s]") == parse("foo[1s]")


def test_positions_are_bytes_of_the_text() -> None:
    tree = parse('sum by (job) (rate(foo{a="é"}[5m])) > 1')
    assert isinstance(tree, Binary)
    aggregate = tree.left
    assert isinstance(aggregate, Aggregate)
    (call,) = children(aggregate)
    assert isinstance(call, Call)
    (matrix,) = children(call)
    assert isinstance(matrix, MatrixSelector)
    assert [node.position for node in (tree, aggregate, call, matrix, matrix.selector)] == [
        (0, 40),
        (0, 36),
        (14, 35),
        (19, 34),
        (19, 30),
    ]


def test_a_call_of_experimental_functions_needs_the_option() -> None:
    options = ParserOptions(experimental_functions=True)
    assert isinstance(parse("mad_over_time(foo[5m])", options), Call)
    with pytest.raises(ParseError, match='function "mad_over_time" is not enabled'):
        parse("mad_over_time(foo[5m])")


def test_aggregation_ends_where_its_labels_end() -> None:
    tree = parse('(sum(foo) by (a, ")") ) + 1')
    assert isinstance(tree, Binary)
    (aggregate,) = children(tree.left)
    assert aggregate.position == (1, 21)


def test_selectors_alone() -> None:
    matchers = parse_selector('foo{a!="b"}')
    assert [str(matcher) for matcher in matchers] == ['a!="b"', '__name__="foo"']
    with pytest.raises(ParseError):
        parse_selector("sum(foo)")
    with pytest.raises(ParseError):
        parse_selector("foo + bar")


def test_types_of_results() -> None:
    types = {
        query: str(parse(query).type)
        for query in ("1", '"a"', "foo", "foo[1m]", "foo[1m:]", "1 + 1", "1 + foo", "time()")
    }
    assert types == {
        "1": "scalar",
        '"a"': "string",
        "foo": "vector",
        "foo[1m]": "matrix",
        "foo[1m:]": "matrix",
        "1 + 1": "scalar",
        "1 + foo": "vector",
        "time()": "scalar",
    }


def test_nodes_of_one_meaning_are_equal() -> None:
    assert parse("foo  offset 5m") == parse("foo offset 300")
    assert parse('foo{b="1",a="2"}') == parse('foo{a="2",b="1"}')
    assert parse("foo[5m]") != parse("foo[5m:]")
    assert isinstance(parse("foo[5m:]"), Subquery)
    assert isinstance(parse("foo"), VectorSelector)
    assert parse("-1") == NumberLiteral(-1.0)
