"""Series as test files write them: `metric{a="b"} 1+2x3 _ stale {{sum:1 count:2}}`.

promqltest and the rule tests of promtool share this notation.
"""

import re
from dataclasses import dataclass
from typing import Final

from belvedere.query.go_format import quote
from belvedere.query.histogram.arithmetic import add, subtract
from belvedere.query.histogram.buckets import Buckets
from belvedere.query.histogram.native import CounterReset, NativeHistogram
from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.query.promql.lexer import Lexer, LexicalError
from belvedere.query.promql.numbers_syntax import parse_number
from belvedere.query.promql.tokens import EOF, IDENTIFIER, STRING
from belvedere.query.promql.unquote import unquote
from belvedere.query.samples import STALE_NAN

_METRIC: Final = re.compile(
    r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)?(\{(?!\{)(?:[^\"'`}]|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`)*\})?"
)
_HISTOGRAM: Final = r"\{\{[^}]*\}\}"
_UNSIGNED: Final = r"(?:[0-9.](?:[0-9._]|[eE][-+]?)*|[iI][nN][fF]|[nN][aA][nN])"
_NUMBER: Final = rf"[-+]?{_UNSIGNED}"
_ITEM: Final = re.compile(
    rf"(?P<missing>_)(?:x(?P<missing_times>\d+))?\Z"
    rf"|(?P<stale>stale)(?:x(?P<stale_times>\d+))?\Z"
    rf"|(?P<base>{_HISTOGRAM}|{_NUMBER})"
    rf"(?:(?P<sign>[-+])(?P<change>{_HISTOGRAM}|{_UNSIGNED}))?(?:x(?P<times>\d+))?\Z"
)
_ITEMS: Final = re.compile(rf"(?:{_HISTOGRAM}|\S)+")
_FIELD: Final = re.compile(r"\s*([a-zA-Z_]+):(\[[^\]]*\]|\S+)")
_HINTS: Final = {
    "unknown": CounterReset.UNKNOWN,
    "reset": CounterReset.RESET,
    "not_reset": CounterReset.NOT_RESET,
    "gauge": CounterReset.GAUGE,
}
_MAX_POINTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a sequence.

    Attributes:
        value: None where the sample is missing.
        hint_is_given: The histogram's text says its counter reset hint.
    """

    value: float | NativeHistogram | None
    hint_is_given: bool = False


def parse_series(line: str) -> tuple[Labels, list[Point]]:
    """The labels and the points of a line.

    Raises:
        ValueError: says what is wrong.
    """
    match = _METRIC.match(line)
    if match is None or not match.group().strip():
        raise ValueError(f"expected a metric in {quote(line.strip())}")
    rest = line[match.end() :]
    if rest and not rest[0].isspace():
        raise ValueError(f"expected white space after the metric in {quote(line.strip())}")
    points = [point for item in _ITEMS.findall(rest) for point in _points(item)]
    return parse_metric(match.group()), points


def parse_metric(text: str) -> Labels:
    """The labels of `name{a="b"}`, `{"name", a="b"}` or `{a="b"}`.

    Raises:
        ValueError: says what is wrong.
    """
    lexer = Lexer(text)
    labels: dict[str, str] = {}
    try:
        token = lexer.next()
        if token.kind != "{":
            labels[METRIC_NAME] = token.text
            token = lexer.next()
        while token.kind not in {EOF, "}"}:
            token = lexer.next()
            if token.kind not in {IDENTIFIER, STRING}:
                continue
            name = unquote(token.text) if token.kind == STRING else token.text
            sign = lexer.next()
            if sign.kind != "=":
                labels[METRIC_NAME] = name
                token = sign
                continue
            value = lexer.next()
            if value.kind != STRING:
                raise ValueError(f"expected a string after {name}= in {quote(text.strip())}")
            labels[name] = unquote(value.text)
            token = lexer.next()
    except LexicalError as error:
        raise ValueError(f"{error.fault.message} in {quote(text.strip())}") from None
    return Labels(labels)


def _points(item: str) -> list[Point]:
    match = _ITEM.match(item)
    if match is None:
        raise ValueError(f"expected a value, a sequence or a histogram, got {quote(item)}")
    found = match.groupdict()
    if found["missing"]:
        return [Point(None)] * _times(found["missing_times"] or "1")
    if found["stale"]:
        times = found["stale_times"]
        return [Point(STALE_NAN)] * (1 if times is None else _times(times) + 1)
    times = 0 if found["times"] is None else _times(found["times"])
    if found["base"].startswith("{{"):
        return _histograms(found["base"], found["sign"], found["change"], times)
    base = _number(found["base"])
    change = _number(found["change"]) if found["change"] else 0.0
    change = -change if found["sign"] == "-" else change
    values = []
    for _ in range(times + 1):
        values.append(Point(base))
        base += change
    return values


def _times(text: str) -> int:
    if int(text) > _MAX_POINTS:
        raise ValueError(f"a sequence of {text} values is longer than {_MAX_POINTS}")
    return int(text)


def _number(text: str) -> float:
    try:
        value = parse_number(text.lstrip("+-"))
    except ValueError:
        raise ValueError(f"expected a number, got {quote(text)}") from None
    return -value if text.startswith("-") else value


def _histograms(base: str, sign: str | None, change: str | None, times: int) -> list[Point]:
    current, given = parse_histogram(base)
    if sign is None or change is None:
        return [Point(current, given)] * (times + 1)
    step, given = parse_histogram(change)
    combine = add if sign == "+" else subtract
    points = [Point(current, given)]
    for _ in range(times):
        current = combine(current, step).histogram
        points.append(Point(current, given))
    return points


def parse_histogram(text: str) -> tuple[NativeHistogram, bool]:
    """The histogram of `{{schema:0 sum:1 buckets:[1 2]}}`, and whether it says its hint.

    Raises:
        ValueError: says what is wrong.
    """
    content = text[2:-2].strip()
    fields: dict[str, str] = {}
    at = 0
    while at < len(content):
        match = _FIELD.match(content, at)
        if match is None or match.group(1) not in _FIELDS or match.group(1) in fields:
            raise ValueError(f"bad histogram descriptor found: {quote(content[at:].strip())}")
        fields[match.group(1)] = match.group(2)
        at = match.end()
    hint = fields.get("counter_reset_hint")
    if hint is not None and hint not in _HINTS:
        raise ValueError(f"unknown counter_reset_hint {quote(hint)}")
    histogram = NativeHistogram(
        schema=int(fields.get("schema", "0")),
        count=_number(fields.get("count", "0")),
        sum=_number(fields.get("sum", "0")),
        zero_threshold=_number(fields.get("z_bucket_w", "0")),
        zero_count=_number(fields.get("z_bucket", "0")),
        positive=_buckets(fields.get("buckets"), fields.get("offset", "0")),
        negative=_buckets(fields.get("n_buckets"), fields.get("n_offset", "0")),
        custom_values=tuple(_numbers(fields.get("custom_values"))),
        counter_reset=_HINTS[hint or "unknown"],
    )
    return histogram, hint is not None


_FIELDS: Final = frozenset(
    (
        *("schema", "sum", "count", "z_bucket", "z_bucket_w", "custom_values", "buckets"),
        *("offset", "n_buckets", "n_offset", "counter_reset_hint"),
    )
)


def _numbers(text: str | None) -> list[float]:
    return [] if text is None else [_number(part) for part in text.strip("[]").split()]


def _buckets(text: str | None, offset: str) -> Buckets:
    return Buckets.of(int(offset), _numbers(text))
