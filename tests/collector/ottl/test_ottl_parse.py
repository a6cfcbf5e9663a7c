"""The grammar: what is read, what is refused, and how the error says it."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.collector.ottl import Context, OttlError, condition, statement, tree
from belvedere.collector.ottl.parse import MAX_DEPTH, parse_condition, parse_statement


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("set(a,1)", "set(a, 1)"),
        ('set(span.attributes["x"], "y")', 'set(span.attributes["x"], "y")'),
        ("f(1 -1)", "f(1 - 1)"),
        ("f(a-1, +2, -3)", "f(a - 1, 2, -3)"),
        ("f(-a, +a, - Len(a)[0], -a.b[-c])", "f(-a, a, -Len(a)[0], -a.b[-c])"),
        ("f(a - -b * -(a + 1), -(-a), -(1))", "f(a - (-b * -(a + 1)), -(-a), -(1))"),
        ("f() where -a == -1", "f() where -a == -1"),
        ("f(.5, -.5e3)", "f(0.5, -500.0)"),
        ("f(0x00FF, nil, true, false)", "f(0x00ff, nil, true, false)"),
        ('f([], [1, "a"], {}, {"a": {"b": [1]},})', 'f([], [1, "a"], {}, {"a": {"b": [1]}})'),
        ("f((1 + 2) * 3 - Len(a) / 2)", "f(((1 + 2) * 3) - (Len(a) / 2))"),
        ("replace(a, SHA256, value = 1)", "replace(a, SHA256, value = 1)"),
        ('f(Split(a, ".")[0]["k"][b["c"]])', 'f(Split(a, ".")[0]["k"][b["c"]])'),
        ("f() where a == 1 or b and not c < 2", "f() where a == 1 or (b and not c < 2)"),
        ("f() where (a or b) and c()", "f() where (a or b) and c()"),
        ("f()\n  where\ta != nil", "f() where a != nil"),
        (r'f("\"\\\n\t\x41\u00e9\101")', r'f("\"\\' + r'\n\tAéA")'),
        ("f() where notable == 1 and order == 2", "f() where notable == 1 and order == 2"),
    ],
)
def test_reads_what_it_writes(text: str, canonical: str) -> None:
    parsed = parse_statement(text)
    assert str(parsed) == canonical
    assert parse_statement(canonical) == parsed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a statement is expected, not an empty text"),
        ("Set(a)", "1:1: `Set` is a converter; a statement begins with an editor, such as set"),
        ('set(a, "x', "1:8: this string has no closing quote"),
        ("set(a,", "1:7: expected a value, not the end"),
        ("set(a b)", "1:7: expected ), ,, and or or, not `b`"),
        ("set(a) when b", "1:8: expected the end or where, not `when`"),
        ("set(a) where b = 1", "1:16: a single = does not compare; write =="),
        ("set(a) where\n  b === 1", "2:7: expected a value, not `=`"),
        (r'set(a, "\w")', r"1:9: \w is no escape; write \\ for a backslash"),
        (r'set(a, "\ud800")', r"1:9: \ud800 is no escape; write \\ for a backslash"),
        ("set(a, 9223372036854775808)", "1:8: 9223372036854775808 does not fit in 64 bits"),
        ("set(a, 0x123)", "1:8: bytes need two hexadecimal digits each"),
        ('set(a)["x"]', "1:8: what an editor returns has no keys"),
        ("set(a, ยง)", "1:8: 'ย' means nothing here"),
        ("set(a, (_, v) => v)", "1:9: '_' means nothing here"),
    ],
)
def test_errors_say_where_and_what(text: str, message: str) -> None:
    with pytest.raises(OttlError) as caught:
        parse_statement(text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        "set" + "(" * 100_000,
        "set(a) where " + "not " * 10_000 + "b == 1",
        "set(a, " + "[" * 10_000 + "]" * 10_000 + ")",
        "set(a, " + '{"a":' * 5_000,
        "set(a, " + "F(" * (MAX_DEPTH + 1) + ")" * (MAX_DEPTH + 1) + ")",
        "set(a" + '["a"]' * 5_000 + ", 1)",
        "set(a, " + "1" * 60_000 + ")",
    ],
    ids=["open", "not", "lists", "maps", "calls", "keys", "digits"],
)
def test_hostile_texts_are_refused(text: str) -> None:
    with pytest.raises(OttlError):
        statement(text, Context.SPAN)


def test_the_deepest_text_is_read() -> None:
    text = "(" * MAX_DEPTH + "1 == 1" + ")" * MAX_DEPTH
    assert condition(text, Context.SPAN)
    condition("1 == " + " + ".join("1" for _ in range(5_000)), Context.SPAN)
    condition(" or ".join("1 == 2" for _ in range(5_000)), Context.SPAN)


names = st.sampled_from(["a", "attributes", "x_1", "span", "kind"])
literals = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.binary(min_size=1, max_size=4),
).map(tree.Literal)


def grown(inner: st.SearchStrategy[tree.Expression]) -> st.SearchStrategy[tree.Expression]:
    some = st.lists(inner, max_size=3).map(tuple)
    fields = st.builds(tree.Field, names, st.lists(inner, max_size=2).map(tuple))
    arguments = st.builds(tree.Argument, inner, st.none() | names)
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        st.builds(tree.List, some),
        st.builds(tree.Map, st.lists(st.tuples(st.text(max_size=3), inner), max_size=2).map(tuple)),
        st.builds(tree.Path, st.lists(fields, min_size=1, max_size=3).map(tuple)),
        st.builds(
            tree.Call,
            st.sampled_from(["Len", "IsMatch", "f"]),
            st.lists(arguments, max_size=2).map(tuple),
            some,
        ),
        st.builds(tree.Comparison, inner, st.sampled_from(["==", "<=", ">"]), inner),
        st.builds(tree.Not, inner),
        st.builds(tree.Negative, inner),
        st.builds(tree.And, several),
        st.builds(tree.Or, several),
        st.builds(
            tree.Arithmetic,
            inner,
            st.lists(st.tuples(st.sampled_from(["+", "-"]), inner), min_size=1, max_size=2).map(
                tuple
            ),
        ),
    )


expressions = st.recursive(
    literals | st.sampled_from(["SHA256", "FLAG_NONE"]).map(tree.Symbol), grown, max_leaves=8
)


@settings(max_examples=200, deadline=None)
@given(expressions)
def test_a_tree_written_is_the_tree_read(expression: tree.Expression) -> None:
    assert parse_condition(str(expression)) == expression


TOKENS = (
    *("set", "(", ")", "[", "]", "{", "}", ",", ".", ":", "=", "==", "<", "+", "-", "*", "/"),
    *('"a"', "1", ".5", "0xff", "not", "and", "or", "where", "nil", "true", "a", "B", "Len"),
)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.lists(st.sampled_from(TOKENS), max_size=15).map(" ".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    for compiler in (statement, condition):
        with suppress(OttlError):
            compiler(text, Context.LOG)
