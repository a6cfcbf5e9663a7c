"""What is other than expected, in promtool's words."""

from collections.abc import Sequence
from typing import NamedTuple

from belvedere.query.go_format import format_e
from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.histogram.text import print_histogram
from belvedere.query.labels import Labels

_INDENT = " " * 12


class FiringAlert(NamedTuple):
    """What tests see of an alert. In the order of labels, then annotations."""

    labels: Labels
    annotations: Labels


class TestedSample(NamedTuple):
    """A sample of a query, expected or got."""

    labels: Labels
    value: float | NativeHistogram

    @property
    def text(self) -> str:
        """As promtool writes it: `{a="b"} 1E+00`."""
        if isinstance(self.value, NativeHistogram):
            return f"{self.labels} {print_histogram(self.value)}"
        return f"{self.labels} {format_e(self.value).replace('e', 'E')}"


def alerts_text(alerts: Sequence[FiringAlert]) -> str:
    """The alerts of a test."""
    if not alerts:
        return "[]"
    lines = ["["]
    for at, alert in enumerate(alerts):
        lines.append(f"{_INDENT}{at}:")
        lines.append(f"{_INDENT}  Labels:{alert.labels}")
        comma = "," if at + 1 < len(alerts) else ""
        lines.append(f"{_INDENT}  Annotations:{alert.annotations}{comma}")
    return "\n".join([*lines, f"{_INDENT}]"])


def samples_text(samples: Sequence[TestedSample]) -> str:
    """The samples of a query."""
    return ", ".join(sample.text for sample in samples) or "nil"
