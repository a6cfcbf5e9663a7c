"""Scrapes in text: Prometheus's format 0.0.4 and OpenMetrics 1.0.

A line is taken apart by one expression into series, value, time and exemplar. What the series is
called, `name{label="value"}`, stays text: whoever scrapes the same target again and again knows
most of them already, and `read_series` is for the others.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from belvedere.prometheus.errors import MalformedError
from belvedere.prometheus.model import NAME, Exemplar, Labels, Metadata, MetricType, labels_of

Entry: TypeAlias = tuple[str, float, int | None, Exemplar | None]
"""Series as written, value, time in ms if there is one, exemplar if there is one."""

_QUOTED: Final = r'"(?:[^"\\]++|\\.)*+"'
_BRACES: Final = rf'\{{(?:[^"}}]++|{_QUOTED})*+\}}'
_SERIES: Final = rf"(?:[a-zA-Z_:][a-zA-Z0-9_:]*+(?=[ \t{{])(?:[ \t]*+{_BRACES})?|{_BRACES})"
_TEXT_LINE: Final = re.compile(
    rf"[ \t]*+({_SERIES})[ \t]*+([0-9a-zA-Z.+-]++)(?:[ \t]++(-?[0-9]++))?[ \t]*+()"
)
_OPENMETRICS_LINE: Final = re.compile(
    rf"({_SERIES})[ ]*+([0-9a-zA-Z.+-]++)(?:[ ]([0-9a-zA-Z.+-]++))?(?:[ ]#[ ](.++))?"
)
_EXEMPLAR: Final = re.compile(
    rf"\{{((?:[^\"}}]++|{_QUOTED})*+)\}}[ ]([0-9a-zA-Z.+-]++)(?:[ ]([0-9a-zA-Z.+-]++))?"
)
_SERIES_PARTS: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)?[ \t]*(?:\{(.*)\})?", re.DOTALL)
_LABEL: Final = re.compile(
    rf"[ \t]*+(?:([a-zA-Z_][a-zA-Z0-9_]*+)|({_QUOTED}))[ \t]*+(?:=[ \t]*+({_QUOTED}))?[ \t]*+(,|\Z)"
)
_COMMENT: Final = re.compile(
    rf"#[ \t]++(HELP|TYPE|UNIT)[ \t]++([^ \t\"]++|{_QUOTED})(?:[ \t](.*+))?"
)
_ESCAPE: Final = re.compile(r'\\([\\n"])')
_SHOWN_CHARS: Final = 80
_TYPES: Final = {
    **{each.value: each for each in MetricType},
    "untyped": MetricType.UNKNOWN,
}
_MAX_MS: Final = 1 << 62


@dataclass(slots=True)
class Exposition:
    """What a scrape holds."""

    entries: list[Entry] = field(default_factory=list)
    """In the order of the text."""
    families: dict[str, Metadata] = field(default_factory=dict)
    """By the name in `# TYPE`, `# HELP`, `# UNIT`: of OpenMetrics's counters, without `_total`."""


def parse_text(text: str) -> Exposition:
    """A scrape in Prometheus's format 0.0.4.

    Raises:
        MalformedError: a line is not in the format; it is named.
    """
    result = Exposition()
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line.isspace():
            continue
        if line.lstrip(" \t")[0] == "#":
            _read_comment(result.families, line.lstrip(" \t"), number)
        else:
            _read_line(result.entries, line, number, _TEXT_LINE, _whole_milliseconds)
    return result


def parse_openmetrics(text: str) -> Exposition:
    """A scrape in OpenMetrics 1.0, which must end with `# EOF`.

    Raises:
        MalformedError: a line is not in the format; it is named.
    """
    result = Exposition()
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    if not lines or lines[-1] != "# EOF":
        raise MalformedError(
            "the text does not end with # EOF: it was cut off", line=len(lines) or 1
        )
    for number, line in enumerate(lines[:-1], 1):
        if line.startswith("#"):
            if not _read_comment(result.families, line, number):
                raise _malformed("a comment is HELP, TYPE, UNIT or, last, EOF", line, number)
        else:
            _read_line(result.entries, line, number, _OPENMETRICS_LINE, _milliseconds)
    return result


def read_series(series: str) -> Labels:
    """The labels of `name{label="value"}`, with `__name__`, without empty values.

    Raises:
        MalformedError: it is none, or has a label twice.
    """
    parts = _SERIES_PARTS.fullmatch(series.strip(" \t"))
    if parts is None:
        raise MalformedError(f"{series[:_SHOWN_CHARS]!r} is no series")
    pairs = [(NAME, parts[1])] if parts[1] else []
    pairs += _read_labels(parts[2] or "", quoted_name=True)
    if len({name for name, _ in pairs}) < len(pairs):
        raise MalformedError(f"{series[:_SHOWN_CHARS]!r} has a label twice")
    if not any(name == NAME and value for name, value in pairs):
        raise MalformedError(f"{series[:_SHOWN_CHARS]!r} has no name")
    return labels_of(pairs)


def _read_line(
    entries: list[Entry],
    line: str,
    number: int,
    pattern: re.Pattern[str],
    read_time: Callable[[str], int],
) -> None:
    match = pattern.fullmatch(line)
    if match is None:
        raise _malformed('expected: name{label="value"} value [time]', line, number)
    series, value, time, exemplar = match.groups()
    try:
        entries.append(
            (
                series,
                float(value),
                read_time(time) if time else None,
                _read_exemplar(exemplar) if exemplar else None,
            )
        )
    except (ValueError, OverflowError) as error:
        raise _malformed(str(error), line, number) from None
    except MalformedError as error:
        raise _malformed(str(error), line, number) from None


def _read_comment(families: dict[str, Metadata], line: str, number: int) -> bool:
    """Whether it says something of a family."""
    match = _COMMENT.fullmatch(line)
    if match is None:
        return False
    keyword, written, text = match[1], match[2], match[3] or ""
    name = _unquoted(written) if written.startswith('"') else written
    before = families.get(name) or Metadata(name)
    if keyword == "TYPE":
        type_ = _TYPES.get(text.strip(" \t"))
        if type_ is None:
            raise _malformed(f"there is no type {text!r}", line, number)
        families[name] = Metadata(name, type_, before.help, before.unit)
    elif keyword == "HELP":
        families[name] = Metadata(name, before.type, _unescaped(text), before.unit)
    else:
        families[name] = Metadata(name, before.type, before.help, text)
    return True


def _read_labels(text: str, *, quoted_name: bool) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    position = 0
    while text[position:].strip(" \t"):
        match = _LABEL.match(text, position)
        if match is None:
            raise MalformedError(f"no label at {text[position : position + _SHOWN_CHARS]!r}")
        name = match[1] or _unquoted(match[2])
        if match[3] is None:
            if not quoted_name or match[1]:
                raise MalformedError(f"label {name!r} has no value")
            pairs.append((NAME, name))
        else:
            pairs.append((name, _unquoted(match[3])))
        position = match.end()
    return pairs


def _read_exemplar(text: str) -> Exemplar:
    match = _EXEMPLAR.fullmatch(text)
    if match is None:
        raise MalformedError('expected of an exemplar: {label="value"} value [time]')
    time_ms = _milliseconds(match[3]) if match[3] else 0
    pairs = _read_labels(match[1], quoted_name=False)
    return Exemplar(labels_of(pairs), float(match[2]), time_ms)


def _milliseconds(seconds: str) -> int:
    time_ms = round(float(seconds) * 1000)
    if abs(time_ms) > _MAX_MS:
        raise ValueError(f"{seconds} is no time in seconds")
    return time_ms


def _whole_milliseconds(text: str) -> int:
    time_ms = int(text)
    if abs(time_ms) > _MAX_MS:
        raise ValueError(f"{text} is no time in milliseconds")
    return time_ms


def _unquoted(text: str) -> str:
    return _unescaped(text[1:-1])


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], text)


def _malformed(message: str, line: str, number: int) -> MalformedError:
    return MalformedError(f"{message}: {line[:_SHOWN_CHARS]!r}", line=number)
