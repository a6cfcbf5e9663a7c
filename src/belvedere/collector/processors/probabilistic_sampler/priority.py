"""Attributes by which an item asks to be kept or dropped."""

import math
from typing import Any, Final

from belvedere.collector.processors.attribute_actions.steps import find
from belvedere.collector.processors.probabilistic_sampler.threshold import (
    ALWAYS,
    NEVER,
    threshold_of,
)

_SPAN_PRIORITY: Final = "sampling.priority"


def span_priority(span: Any) -> int | None:
    """The threshold that `sampling.priority` asks for: 0 for none, above for all of them."""
    attribute = find(span.attributes, _SPAN_PRIORITY)
    number = None if attribute is None else _number(attribute.value, texts=True)
    if number is None or number < 0:
        return None
    return ALWAYS if number else NEVER


def record_priority(record: Any, key: str, precision: int) -> int | None:
    """The threshold of the percentage that a record asks for by the attribute `key`."""
    attribute = find(record.attributes, key)
    percentage = None if attribute is None else _number(attribute.value, texts=False)
    return None if percentage is None else threshold_of(percentage / 100, precision)


def _number(value: Any, *, texts: bool) -> float | None:
    """None for what is no number."""
    kind = value.WhichOneof("value")
    if kind not in ("int_value", "double_value") and not (texts and kind == "string_value"):
        return None
    try:
        number = float(getattr(value, kind))
    except ValueError:
        return None
    return None if math.isnan(number) else number
