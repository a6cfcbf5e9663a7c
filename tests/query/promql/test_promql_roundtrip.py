"""Whatever the parser can make is printed as text that means the same."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.query.labels import METRIC_NAME
from belvedere.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Cardinality,
    DurationExpression,
    Expression,
    MatrixSelector,
    NumberLiteral,
    Parentheses,
    StringLiteral,
    Subquery,
    TimeShift,
    Unary,
    VectorMatching,
    VectorSelector,
)
from belvedere.query.promql.duration import format_duration, parse_duration
from belvedere.query.promql.errors import ParseError
from belvedere.query.promql.matcher import Matcher, MatchOp
from belvedere.query.promql.options import EXPERIMENTAL
from belvedere.query.promql.parse import parse
from belvedere.query.promql.pretty import pretty
from belvedere.query.promql.signatures import FUNCTIONS
from belvedere.query.promql.tokens import ARITHMETIC_OPERATORS, COMPARISON_OPERATORS, SET_OPERATORS

QUICK = settings(max_examples=150, deadline=None)

names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: (
        name not in {"bool", "on", "ignoring", "group_left", "group_right", "inf", "nan"}
        and name != "atan2"
    )
)
label_names = st.one_of(names, st.sampled_from(["by", "a b", "ü", 'q"', "offset"]))
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)
milliseconds = st.integers(1, 10**9)
offsets = st.integers(-(10**9), 10**9)
matchers = st.builds(
    Matcher, names, st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]), texts
) | st.builds(Matcher, names, st.sampled_from([MatchOp.REGEX]), st.sampled_from(["a|b", ".+"]))
numbers = st.builds(
    NumberLiteral, st.floats(0, allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)
)
durations = st.recursive(
    st.sampled_from([DurationExpression("step"), DurationExpression("range")]),
    lambda below: (
        st.builds(
            DurationExpression,
            st.sampled_from("+-*"),
            below,
            st.integers(1, 99).map(lambda n: NumberLiteral(float(n))),
            st.just(True),
        )
        | st.builds(DurationExpression, st.sampled_from(["min_of", "max_of"]), below, below)
    ),
    max_leaves=4,
)
shifts = st.builds(
    TimeShift,
    offsets,
    at_ms=st.none() | st.integers(-(10**12), 10**12),
) | st.builds(
    TimeShift, st.just(0), durations, at_bound=st.none() | st.sampled_from(["start", "end"])
)


@st.composite
def selectors(draw: st.DrawFn, boundary: str = "") -> VectorSelector:
    name = draw(names)
    conditions = sorted(draw(st.lists(matchers, max_size=3)), key=str)
    by_name = Matcher(METRIC_NAME, MatchOp.EQUAL, name)
    return VectorSelector(name, (*conditions, by_name), draw(shifts), boundary)


@st.composite
def ranges(draw: st.DrawFn) -> MatrixSelector:
    boundary = draw(st.sampled_from(["", "anchored", "smoothed"]))
    selector = draw(selectors(boundary))
    if draw(st.booleans()):
        return MatrixSelector(selector, 0, draw(durations))
    return MatrixSelector(selector, draw(milliseconds))


def larger(below: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    operand = below.map(Parentheses)
    grouping = st.lists(label_names, max_size=3).map(tuple)
    matching = st.builds(
        VectorMatching,
        st.just(Cardinality.MANY_TO_ONE),
        labels=st.just(("a", "b")),
        on=st.booleans(),
        include=st.just(("c",)),
        fill_left=st.none() | st.integers(-9, 9).map(float),
        fill_right=st.none() | st.integers(-9, 9).map(float),
    )
    many = st.just(VectorMatching(Cardinality.MANY_TO_MANY, ("x",), on=True))
    functions = st.sampled_from([FUNCTIONS[name] for name in ("abs", "sort", "absent", "hour")])
    steps = st.integers(0, 10**6)
    return st.one_of(
        st.builds(Aggregate, st.sampled_from(["sum", "min"]), below, st.none(), grouping,
                  st.booleans()),
        st.builds(Aggregate, st.just("topk"), below, numbers, grouping, st.booleans()),
        st.builds(Aggregate, st.just("count_values"), below, st.builds(StringLiteral, texts)),
        st.builds(Binary, st.sampled_from(sorted(ARITHMETIC_OPERATORS)), operand, operand,
                  matching),
        st.builds(Binary, st.sampled_from(sorted(COMPARISON_OPERATORS)), operand, operand,
                  matching, st.booleans()),
        st.builds(Binary, st.sampled_from(sorted(SET_OPERATORS)), operand, operand, many),
        st.builds(Call, functions, below.map(lambda node: (node,))),
        st.builds(Call, st.just(FUNCTIONS["rate"]), ranges().map(lambda node: (node,))),
        st.builds(Call, st.just(FUNCTIONS["rate"]), st.builds(
            Subquery, operand, milliseconds, steps, shift=shifts).map(lambda node: (node,))),
        st.builds(Unary, st.sampled_from("+-"), operand),
        operand,
    )  # fmt: skip


trees = st.recursive(selectors(), larger, max_leaves=6)


@QUICK
@given(trees)
def test_a_printed_tree_parses_to_itself(tree: Expression) -> None:
    assert parse(str(tree), EXPERIMENTAL) == tree


@QUICK
@given(trees, st.integers(0, 3))
def test_a_pretty_tree_parses_to_itself(tree: Expression, widened: int) -> None:
    for _ in range(widened):  # wide enough to be split
        tree = Binary("or", tree, tree, VectorMatching(Cardinality.MANY_TO_MANY))
        tree = Parentheses(tree)
    assert parse(pretty(tree), EXPERIMENTAL) == tree


@QUICK
@given(st.text(st.sampled_from(string.printable + "é{}[]()"), max_size=40))
def test_any_text_is_a_query_or_a_parse_error(text: str) -> None:
    try:
        tree = parse(text, EXPERIMENTAL)
    except ParseError:
        return
    assert parse(str(tree), EXPERIMENTAL) == tree


@QUICK
@given(st.integers(0, 9 * 10**12))
def test_durations_print_and_parse(duration_ms: int) -> None:
    assert parse_duration(format_duration(duration_ms)) == duration_ms


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [
        (0, "0s"),
        (90_000, "1m30s"),
        (86_400_000 * 90, "90d"),
        (86_400_000 * 14, "2w"),
        (86_400_000 * 365, "1y"),
        (86_400_000 * 366, "366d"),
        (1, "1ms"),
    ],
)
def test_durations_are_printed_as_upstream(duration_ms: int, text: str) -> None:
    assert format_duration(duration_ms) == text
