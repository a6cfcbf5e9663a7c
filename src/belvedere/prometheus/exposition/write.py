"""Scrapes written: Prometheus's format 0.0.4 and OpenMetrics 1.0.

As Prometheus's Go client writes them: native histograms, which texts cannot have, as one bucket,
sum and count; exemplars and units in OpenMetrics only, and no `_created` samples.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from belvedere.prometheus.exposition.family import Family
from belvedere.prometheus.from_otlp.point import Line, Point
from belvedere.prometheus.model import Exemplar, Metadata, MetricType

TEXT_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_CONTENT_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_NOT_IN_NAME: Final = re.compile(r"[^a-zA-Z0-9_:]")
_NOT_IN_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")
_ESCAPES: Final = {ord("\\"): "\\\\", ord("\n"): "\\n", ord('"'): '\\"'}
_HELP_ESCAPES: Final = {ord("\\"): "\\\\", ord("\n"): "\\n"}
_UNTYPED: Final = (MetricType.UNKNOWN, MetricType.INFO, MetricType.STATESET)


@dataclass(frozen=True, slots=True)
class Options:
    """What the reader can take, and what it shall get."""

    openmetrics: bool = False
    timestamps: bool = False
    utf8_names: bool = False
    """Whether names may have any character, in quotes; else those become underscores."""


def write(families: Iterable[Family], options: Options) -> str:
    """The text of a scrape. Families stay in their order."""
    lines: list[str] = []
    for family in families:
        _Writer(family.metadata, options, lines).write(family.points)
    if options.openmetrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n" if lines else ""


def number_text(value: float) -> str:
    """A sample's value.

    >>> number_text(1.0), number_text(0.1), number_text(float("-inf")), number_text(float("nan"))
    ('1', '0.1', '-Inf', 'NaN')
    """
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value)) if value or math.copysign(1, value) > 0 else "-0"
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def seconds_text(time_ms: int) -> str:
    """A time in OpenMetrics, exact.

    >>> seconds_text(1700000000123), seconds_text(-1500)
    ('1700000000.123', '-1.500')
    """
    sign = "-" if time_ms < 0 else ""
    return f"{sign}{abs(time_ms) // 1000}.{abs(time_ms) % 1000:03d}"


class _Writer:
    """Writes one family."""

    def __init__(self, metadata: Metadata, options: Options, lines: list[str]) -> None:
        self._metadata, self._options, self._lines = metadata, options, lines
        self._name = escaped_name(metadata.name, utf8=options.utf8_names)
        self._labels: dict[str, str] = {}

    def write(self, points: Iterable[Point]) -> None:
        metadata, options, lines = self._metadata, self._options, self._lines
        family, type_ = self._name, metadata.type
        if options.openmetrics and type_ is MetricType.COUNTER:
            # A counter is called so only where its samples end with _total.
            if family.endswith("_total"):
                family = family.removesuffix("_total")
            else:
                type_ = MetricType.UNKNOWN
        has_unit = bool(metadata.unit) and family.endswith(f"_{metadata.unit}")
        family = _quoted_name(family)
        if metadata.help:
            escapes = _ESCAPES if options.openmetrics else _HELP_ESCAPES
            lines.append(f"# HELP {family} {metadata.help.translate(escapes)}")
        lines.append(f"# TYPE {family} {self._type_text(type_)}")
        if options.openmetrics and has_unit:
            lines.append(f"# UNIT {family} {metadata.unit}")
        for point in points:
            self._write_point(point)

    def _type_text(self, type_: MetricType) -> str:
        if self._options.openmetrics:
            # Samples of infos end with _info, states have a label of the family's name; OTLP's
            # metrics of these types need not.
            return MetricType.GAUGE if type_ in (MetricType.INFO, MetricType.STATESET) else type_
        if type_ is MetricType.UNKNOWN:
            return "untyped"
        return MetricType.GAUGE if type_ in _UNTYPED else type_

    def _write_point(self, point: Point) -> None:
        options = self._options
        base = ",".join(f'{self._label(name)}="{_escaped(value)}"' for name, value in point.labels)
        time = ""
        if options.timestamps:
            written = seconds_text(point.time_ms) if options.openmetrics else str(point.time_ms)
            time = f" {written}"
        for line in point.lines or _lines_of_native(point):
            name = self._name + line.suffix
            labels = base
            if line.label:
                comma = "," if base else ""
                labels = f'{base}{comma}{line.label[0]}="{self._bound(line.label[1])}"'
            text = f"{_series_text(name, labels)} {number_text(line.value)}{time}"
            if line.exemplars and options.openmetrics and name.endswith(("_total", "_bucket")):
                text += f" # {self._exemplar(line.exemplars[-1])}"
            self._lines.append(text)

    def _bound(self, text: str) -> str:
        """A `le` or `quantile`; a whole number has a fraction in OpenMetrics."""
        whole = self._options.openmetrics and text.lstrip("-").isdigit()
        return f"{text}.0" if whole else text

    def _exemplar(self, exemplar: Exemplar) -> str:
        labels = ",".join(
            f'{self._label(name)}="{_escaped(value)}"' for name, value in exemplar.labels
        )
        time = f" {seconds_text(exemplar.time_ms)}" if exemplar.time_ms else ""
        return f"{{{labels}}} {number_text(exemplar.value)}{time}"

    def _label(self, name: str) -> str:
        known = self._labels.get(name)
        if known is None:
            known = escaped_label(name, utf8=self._options.utf8_names)
            if not _LABEL.fullmatch(known):
                known = f'"{_escaped(known)}"'
            self._labels[name] = known
        return known


def escaped_name(name: str, *, utf8: bool) -> str:
    """A metric's name for a reader that does or does not take any character.

    >>> escaped_name("a.b", utf8=False), escaped_name("2x", utf8=False)
    ('a_b', '_2x')
    """
    if utf8 or _NAME.fullmatch(name):
        return name
    name = _NOT_IN_NAME.sub("_", name)
    return f"_{name}" if name[:1].isdigit() else name


def escaped_label(name: str, *, utf8: bool) -> str:
    """The same for the name of a label."""
    if utf8 or _LABEL.fullmatch(name):
        return name
    name = _NOT_IN_LABEL.sub("_", name)
    return f"_{name}" if name[:1].isdigit() else name


def _lines_of_native(point: Point) -> tuple[Line, ...]:
    histogram = point.histogram
    if histogram is None:
        return ()
    count = float(histogram.count)
    return (
        Line("_bucket", ("le", "+Inf"), count),
        Line("_sum", None, histogram.sum),
        Line("_count", None, count),
    )


def _series_text(name: str, labels: str) -> str:
    if _NAME.fullmatch(name):
        return f"{name}{{{labels}}}" if labels else name
    comma = "," if labels else ""
    return f'{{"{_escaped(name)}"{comma}{labels}}}'


def _quoted_name(name: str) -> str:
    return name if _NAME.fullmatch(name) else f'"{_escaped(name)}"'


def _escaped(text: str) -> str:
    if "\\" in text or '"' in text or "\n" in text:
        return text.translate(_ESCAPES)
    return text
