"""Start times in a `load` block: `metric@st -1m -2m-1mx3 _`, before the line of the metric.

Each item is the start time of one sample, as a duration from the sample's own time; `_` leaves it
unknown. Repetition is that of the samples: `-1mx2` is three times -1m, `-1m-1mx2` steps.
"""

import re

from belvedere.query.labels import Labels
from belvedere.query.promql.duration import parse_duration
from belvedere.query.promql.series_notation import parse_metric

_LINE = re.compile(r"(\S.*?)@st\s+(.+)")
_DURATION = r"[-+]?[0-9]+[a-wyz]*"
_MISSING = re.compile(r"_(?:x([0-9]+))?")
_ITEM = re.compile(rf"({_DURATION})(?:([-+])({_DURATION})(?=x))?(?:x([0-9]+))?")


def parse_start_times(line: str) -> tuple[Labels, list[int | None]] | None:
    """Return the labels and the offsets in milliseconds, None for a line of samples.

    Raises:
        ValueError: if an item is invalid.
    """
    match = _LINE.fullmatch(line.strip())
    if match is None:
        return None
    return parse_metric(match.group(1)), [
        offset for item in match.group(2).split() for offset in _offsets(item)
    ]


def _offsets(item: str) -> list[int | None]:
    missing = _MISSING.fullmatch(item)
    if missing is not None:
        return [None] * int(missing.group(1) or 1)
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError(f"invalid start time {item!r}: expected _, -1m, -1mx3 or -1m-30sx3")
    base, sign, change, times = match.groups()
    step_ms = _signed_ms(change) if change else 0
    step_ms = -step_ms if sign == "-" else step_ms
    return [_signed_ms(base) + step_ms * n for n in range(int(times or 0) + 1)]


def _signed_ms(text: str) -> int:
    milliseconds = parse_duration(text.lstrip("+-"))
    return -milliseconds if text.startswith("-") else milliseconds
