"""Values as Prometheus's configuration writes them."""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

_DURATION: Final = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII
)
_UNITS_S: Final = (365 * 86400, 7 * 86400, 86400, 3600, 60, 1, 0.001)
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTPE]?)i?B?", re.ASCII)
_SIZE_STEPS: Final = " KMGTPE"


def parse_duration(value: Any) -> float:
    """Seconds of a duration as Prometheus writes it: whole numbers with y, w, d, h, m, s, ms.

    Raises:
        ValueError: it is none.
    """
    if value in (0, "0") and not isinstance(value, bool):
        return 0.0
    match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        raise ValueError(f"{value!r} is no duration of Prometheus; write it like 15s, 1m30s or 1d")
    return sum(
        int(number) * unit_s
        for number, unit_s in zip(match.groups(), _UNITS_S, strict=True)
        if number
    )


def parse_size(value: Any) -> int:
    """Bytes of a size like 100MB, which is 100 times 1024 times 1024, as in Prometheus.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is no size; write it like 512KB, 100MB or 1GB")
    return int(float(match[1]) * 1024 ** _SIZE_STEPS.index(match[2] or " "))


def text_of_scalar(value: Any) -> Any:
    """Text of what YAML took for a number or a truth value; anything else as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


PromDuration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds, written as a duration."""
PositivePromDuration = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
"""The same, not zero."""
PromSize = Annotated[int, BeforeValidator(parse_size)]
"""Bytes, written as a size."""
Text = Annotated[str, BeforeValidator(text_of_scalar)]
"""Text, which need not be quoted where it looks like a number."""
