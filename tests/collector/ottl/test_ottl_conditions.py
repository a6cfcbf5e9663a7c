"""Comparisons, logic and arithmetic, after OTTL's rules."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ottl_records import run, span_record, value_of
from structlog.testing import capture_logs

from belvedere.collector.ottl import Context, ErrorMode, EvaluationError, OttlError, condition
from belvedere.collector.ottl.compare import compare


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("1 == 1", True),
        ("1 == 1.0", True),
        ("1 < 1.5", True),
        ('"a" < "b"', True),
        ('1 == "1"', False),
        ('1 != "1"', True),
        ('1 < "1"', False),
        ("true == 1", False),
        ("true != 1", True),
        ("true > false", True),
        ("nil == nil", True),
        ("nil != nil", False),
        ("nil < 1", False),
        ("nil != 1", True),
        ("0x01 < 0x02", True),
        ("[1, [2]] == [1, [2]]", True),
        ("[1] == [true]", False),
        ("[1] < [2]", False),
        ('{"a": 1} == {"a": 1.0}', True),
        ('{"a": 1} != {"b": 1}', True),
        ('Duration("1s") > Duration("999ms")', True),
        ("Unix(1) <= Unix(2)", True),
        ('Unix(1) == Duration("1s")', False),
        ('attributes["int"] == 5', True),
        ('5 == attributes["int"]', True),
        ('attributes["bool"] == 1', False),
        ('attributes["bool"] == true', True),
        ('attributes["missing"] == nil', True),
        ('attributes["empty"] == nil', True),
        ('attributes["missing"] != "x"', True),
        ('attributes["map"] == {"inner": {"deep": "down"}, "n": 1}', True),
        ("parent_span_id == SpanID(0x0000000000000000)", True),
        ("kind == SPAN_KIND_SERVER", True),
        ('end_time - start_time == Duration("2.5s")', True),
        ("true and not false", True),
        ("not true or true", True),
        ("true or true and false", True),
        ("(true or true) and false", False),
        ("false and false and true", False),
        ("false or false or true", True),
        ("not (1 == 1)", False),
        ("IsRootSpan()", True),
        ('IsMatch(name, "^GET") and not IsString(kind)', True),
    ],
)
def test_conditions(text: str, *, holds: bool) -> None:
    assert condition(text, Context.SPAN)(span_record()) is holds


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(-3, 3),
    st.text(max_size=2),
    st.binary(max_size=2),
)


@given(values, values)
def test_comparison_is_consistent(left: Any, right: Any) -> None:
    assert compare("==", left, right) is not compare("!=", left, right)
    assert compare("==", left, right) is compare("==", right, left)
    assert compare("<", left, right) is compare(">", right, left)
    if compare("<", left, right):
        assert compare("<=", left, right)
        assert not compare(">=", left, right)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("-(1 + 2) * 3", -9),
        ('-attributes["int"]', -5),
        ('2 - -attributes["double"]', 3.5),
        ('-Len(attributes["text"])', -5),
        ("-(0.0 - 1.5)", 1.5),
        ("-(-9223372036854775807 - 1)", -9223372036854775808),
        ("(1 + 2) * 3", 9),
        ("10 - 2 - 3", 5),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7.0 / 2.0", 3.5),
        ("1 + 0.5", 1.5),
        ("9223372036854775807 + 1", -(1 << 63)),
        ('attributes["int"] * 2', 10),
        ("(end_time_unix_nano - start_time_unix_nano) / 1000000", 2500),
        ('UnixSeconds(Unix(10) + Duration("1m"))', 70),
        ('UnixSeconds(Duration("1m") + Unix(10))', 70),
        ('UnixSeconds(Unix(70) - Duration("1m"))', 10),
        ('Seconds(Duration("1m") - Duration("10s"))', 50.0),
        ("Seconds(Unix(70) - Unix(10))", 60.0),
    ],
)
def test_arithmetic(text: str, value: Any) -> None:
    result = value_of(text, span_record())
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "division by zero"),
        ("1.5 / 0.0", "division by zero"),
        ('-attributes["text"]', "sign -: expected a number, not a string"),
        ('-Duration("1s")', "sign -: expected a number, not a duration"),
        ('1 + "a"', "an int . a string cannot be calculated"),
        ("1 + nil", "an int . nil cannot be calculated"),
        ("true + 1", "a bool . an int cannot be calculated"),
        ("Unix(1) + Unix(1)", "a time . a time cannot be calculated"),
        ('Duration("1s") * 2', "a duration . an int cannot be calculated"),
    ],
)
def test_arithmetic_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        value_of(text, span_record())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name", "1:1: `name` is not true or false"),
        ("1", "1:1: `1` is not true or false"),
        ("Len(a == 1) == 1", "a value is expected here, not the condition `a == 1`"),
        ("IsMatch(name, Len)", "Len"),
        ("kind == SPAN_KIND_SERVR", "did you mean 'SPAN_KIND_SERVER'"),
        ("kind == SHA256", "a converter is called: `SHA256"),
        ('IsMtach(name, "x")', "there is no converter `IsMtach`; did you mean 'IsMatch'"),
        ("set(name, 1)", "`set` is an editor"),
        ("IsMatch(name)", "`IsMatch` needs the argument pattern"),
        ('IsMatch(name, "x", 1)', "`IsMatch` takes target, pattern"),
        ('IsMatch(name, pattern = "x", target = name)', "target is given twice"),
        ('IsMatch(pattern = "x", name)', "arguments with names come after"),
        ('IsMatch(name, "(")', "pattern of `IsMatch`: regular expression"),
        ('Substring(name, "x", 1) == nil', "start of `Substring`: an int is expected"),
    ],
)
def test_conditions_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(OttlError) as caught:
        condition(text, Context.SPAN)
    assert message in str(caught.value)


def test_functions_say_where_they_work() -> None:
    with pytest.raises(OttlError, match="`IsRootSpan` works on a span or spanevent, not on a log"):
        condition("IsRootSpan()", Context.LOG)


def test_several_conditions_are_ored() -> None:
    record = span_record()
    assert condition(["kind == 1", "kind == 2"], Context.SPAN)(record)
    assert not condition(["kind == 1", "kind == 3"], Context.SPAN)(record)
    assert not condition([], Context.SPAN)(record)


def test_error_modes() -> None:
    texts = ['attributes["missing"] > 1 and Log(0) == 1', "Log(0) == 1", "kind == 2"]
    assert condition(texts, Context.SPAN, error_mode=ErrorMode.SILENT)(span_record())
    assert condition(texts, Context.SPAN, error_mode=ErrorMode.IGNORE)(span_record())
    with pytest.raises(EvaluationError, match=r"0\.0 has no logarithm"):
        condition(texts, Context.SPAN)(span_record())


def test_a_text_that_fails_on_each_record_is_logged_once() -> None:
    failing = condition("Log(0) == 1", Context.SPAN, error_mode=ErrorMode.IGNORE)
    silent = condition("Log(0) == 1", Context.SPAN, error_mode=ErrorMode.SILENT)
    with capture_logs() as logs:
        assert not any(failing(span_record()) or silent(span_record()) for _ in range(5))
    (entry,) = logs
    assert (entry["event"], entry["ottl"]) == ("ottl_failed", "Log(0) == 1")


def test_a_converter_that_is_no_condition() -> None:
    with pytest.raises(EvaluationError, match="Len gives an int, which is not true or false"):
        condition("Len(name)", Context.SPAN)(span_record())


def test_conditions_ask_no_further_than_they_must() -> None:
    assert not condition("false and Log(0) == 1", Context.SPAN)(span_record())
    assert condition("true or Log(0) == 1", Context.SPAN)(span_record())


def test_a_statement_whose_condition_fails_changes_nothing() -> None:
    record = span_record()
    before = record.span.SerializeToString()
    assert not run('set(name, "x") where kind == 1', record)
    assert not run('set(name, attributes["missing"])', record)
    assert record.span.SerializeToString() == before
