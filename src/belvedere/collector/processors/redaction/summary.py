"""The attributes that tell what was done to others."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from belvedere.collector.processors.attribute_actions.steps import find, upsert

PREFIX: Final = "redaction."
BODY_PREFIX: Final = "redaction.body."
_KINDS: Final = ("redacted", "masked", "allowed", "ignored")

SUMMARY_KEYS: Final = frozenset(
    f"{prefix}{kind}.{what}"
    for prefix in (PREFIX, BODY_PREFIX)
    for kind in _KINDS
    for what in ("keys", "count")
)
"""They survive a second redaction, which adds to them."""


@dataclass(slots=True)
class Findings:
    """The keys of one set of attributes, or of one body, by what became of them."""

    redacted: list[str] = field(default_factory=list)
    """Deleted."""
    masked: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    """Not masked, as their values are allowed."""
    ignored: list[str] = field(default_factory=list)


Summary = Callable[[Any, Findings, str], None]
"""Writes findings into attributes, under keys with a prefix."""


def summary_of(level: str) -> Summary:
    """The summary that a configuration asks for."""
    if level == "debug":
        return _with_keys
    return _with_counts if level == "info" else lambda *_: None


def _with_counts(attributes: Any, findings: Findings, prefix: str) -> None:
    for kind in _KINDS:
        if keys := getattr(findings, kind):
            name = f"{prefix}{kind}.count"
            before = find(attributes, name)
            count = len(keys) + (before.value.int_value if before else 0)
            upsert(attributes, name, AnyValue(int_value=count))


def _with_keys(attributes: Any, findings: Findings, prefix: str) -> None:
    for kind in _KINDS:
        keys = getattr(findings, kind)
        if keys and kind != "ignored":
            name = f"{prefix}{kind}.keys"
            before = find(attributes, name)
            earlier = before.value.string_value.split(",") if before else []
            text = ",".join(sorted([*keys, *filter(None, earlier)]))
            upsert(attributes, name, AnyValue(string_value=text))
    _with_counts(attributes, findings, prefix)
