"""Durations as Prometheus's files write them, as configuration fields."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from belvedere.query.promql.duration import parse_duration


def _milliseconds(value: Any) -> int:
    return parse_duration(str(value))


DurationMs = Annotated[int, BeforeValidator(_milliseconds)]
"""A field in milliseconds, written `1m30s`, `5m`, `1d`, or plainly `0`."""

PositiveDurationMs = Annotated[int, BeforeValidator(_milliseconds), Field(gt=0)]
"""A `DurationMs` that must not be zero."""
