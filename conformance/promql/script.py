"""The language of promqltest: a file → commands.

Described in `../shared/reference/prometheus.md` and upstream's promql/promqltest/README.md.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from belvedere.query.labels import Labels
from belvedere.query.promql.duration import parse_duration
from belvedere.query.promql.numbers_syntax import parse_number
from belvedere.query.promql.series_notation import Point, parse_series
from belvedere.query.promql.unquote import unquote
from start_times import parse_start_times

_LOAD = re.compile(r"load(?:_(with_nhcb))?\s+(.+?)\Z")
_INSTANT = re.compile(r"eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(\S+))?\s*(.+)\Z")
_RANGE = re.compile(
    r"eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)\Z"
)
_EXPECT = re.compile(r"expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?\Z")
_EXPECT_RANGE = re.compile(r"expect range vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\Z")


class ScriptError(Exception):
    """A file that is not in the language."""


@dataclass(frozen=True)
class Clear:
    pass


@dataclass(frozen=True)
class Load:
    step_ms: int
    with_custom_buckets: bool
    series: list[tuple[Labels, list[Point]]]
    start_times: list[tuple[Labels, list[int | None]]]


@dataclass(frozen=True)
class Expectation:
    """A text that must match; neither text nor pattern: any text does."""

    text: str | None = None
    pattern: str | None = None

    def matches(self, actual: str) -> bool:
        if self.text is not None:
            return actual == self.text
        return self.pattern is None or re.search(self.pattern, actual) is not None

    def __str__(self) -> str:
        return self.text or self.pattern or "anything"


@dataclass
class Eval:
    """A query, when it is evaluated, and what must come out."""

    query: str
    line: int
    start_ms: int
    end_ms: int
    step_ms: int
    is_range: bool
    expectations: dict[str, list[Expectation]] = field(default_factory=dict)
    series: dict[Labels, tuple[int, list[Point]]] = field(default_factory=dict)
    scalar: float | None = None
    text: str | None = None
    is_range_vector: bool = False

    def expect(self, kind: str, expectation: Expectation) -> None:
        self.expectations.setdefault(kind, []).append(expectation)

    def expects(self, kind: str) -> bool:
        return kind in self.expectations


def read_script(path: Path) -> Iterator[Clear | Load | Eval]:
    """The commands of a file, in their order.

    Raises:
        ScriptError: names the line.
    """
    lines = [line.strip() for line in path.read_text().split("\n")]
    lines = ["" if line.startswith("#") else line for line in lines]
    at = 0
    while at < len(lines):
        begin, line = at, lines[at]
        at += 1
        if not line:
            continue
        block = []
        word = line.split()[0].lower()
        if word != "clear":
            while at < len(lines) and lines[at]:
                block.append(lines[at])
                at += 1
        try:
            yield _command(word, line, block, begin + 1)
        except ValueError as error:
            raise ScriptError(f"{path.name}:{begin + 1}: {error}") from error


def _command(word: str, line: str, block: list[str], number: int) -> Clear | Load | Eval:
    if word == "clear":
        return Clear()
    if word.startswith("load"):
        match = _LOAD.match(line)
        if match is None:
            raise ValueError("expected load[_with_nhcb] <step>")
        step_ms = parse_duration(match.group(2))
        return Load(step_ms, match.group(1) is not None, *_series(block))
    if word.startswith("eval"):
        return _eval(line, block, number)
    raise ValueError(f"invalid command {line!r}")


def _series(
    block: list[str],
) -> tuple[list[tuple[Labels, list[Point]]], list[tuple[Labels, list[int | None]]]]:
    """The samples and the start times of a `load` block."""
    series, start_times = [], []
    pending: tuple[Labels, list[int | None]] | None = None
    for text in block:
        found = parse_start_times(text)
        if found is not None and pending is None:
            pending = found
            continue
        if found is not None:
            break
        labels, points = parse_series(text)
        if pending is not None:
            if pending[0] != labels or len(pending[1]) != len(points):
                break
            start_times.append(pending)
            pending = None
        series.append((labels, points))
    if pending is not None:
        raise ValueError("expected after start times as many samples of the same metric")
    return series, start_times


def _eval(line: str, block: list[str], number: int) -> Eval:
    mode, command = _header(line, number)
    if mode:
        command.expect(mode, Expectation())
    position = 0
    for text in block:
        if not _directive(command, text, mode):
            number_text = text.strip()
            scalar = _scalar(number_text)
            if scalar is not None:
                command.scalar = scalar
                continue
            position += 1
            labels, points = parse_series(text)
            command.series[labels] = (position, points)
    return command


def _header(line: str, number: int) -> tuple[str, Eval]:
    match = _RANGE.match(line)
    if match is not None:
        mode, start, end, step, query = match.groups()
        times = (parse_duration(start), parse_duration(end), parse_duration(step))
        return mode or "", Eval(query, number, *times, is_range=True)
    match = _INSTANT.match(line)
    if match is None:
        raise ValueError("expected eval instant at <time> <query> or eval range from … to … step …")
    mode, at, query = match.groups()
    at_ms = parse_duration(at or "0")
    return mode or "", Eval(query, number, at_ms, at_ms, 0, is_range=False)


def _directive(command: Eval, text: str, mode: str) -> bool:
    """Whether the line says how to compare, and not what to expect."""
    if mode == "fail" and text.startswith("expected_fail_"):
        kind, _, rest = text.partition(" ")
        is_text = kind == "expected_fail_message"
        rest = rest.strip()
        command.expectations["fail"] = [
            Expectation(text=rest) if is_text else Expectation(pattern=rest)
        ]
        return True
    match = _EXPECT_RANGE.match(text)
    if match is not None:
        command.start_ms, command.end_ms, command.step_ms = map(parse_duration, match.groups())
        command.is_range_vector = True
        return True
    if text.startswith("expect string "):
        literal = text.removeprefix("expect string ").strip()
        command.text = unquote(literal.encode().decode("latin-1"))
        return True
    match = _EXPECT.match(text)
    if match is None:
        if text.split(maxsplit=1)[0] == "expect":
            raise ValueError(f"invalid expect statement {text!r}")
        return False
    kind, how, what = match.groups()
    what = (what or "").strip()
    if how is None:
        command.expect(kind, Expectation())
    else:
        command.expect(kind, Expectation(**{"text" if how == "msg" else "pattern": what}))
    return True


def _scalar(text: str) -> float | None:
    try:
        value = parse_number(text.lstrip("+-"))
    except ValueError:
        return None
    return -value if text.startswith("-") else value
