"""Where an item carries its sampling threshold and randomness: to be read, changed, and saved."""

import re
from abc import ABC, abstractmethod
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from belvedere.collector.processors.attribute_actions.steps import find, upsert
from belvedere.collector.processors.probabilistic_sampler.threshold import (
    parse_randomness,
    parse_threshold,
    randomness_text,
    threshold_text,
)

_MAX_STATE: Final = 1024
_MAX_MEMBERS: Final = 32
_MAX_OT: Final = 256
_MEMBER: Final = re.compile(
    r"(?P<key>[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=(?P<value>[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e])"
)
_OT_MEMBER: Final = re.compile(r"(?P<key>[a-z][a-z0-9]*):(?P<value>[a-zA-Z0-9._-]*)")

_THRESHOLD: Final = "sampling.threshold"
_RANDOMNESS: Final = "sampling.randomness"


class Carrier(ABC):
    """What an item says about its sampling. None is nothing."""

    threshold: int | None = None
    randomness: int | None = None

    def raise_threshold(self, threshold: int) -> None:
        """Note that the item was sampled; it cannot become more probable than it was."""
        if self.threshold is None or threshold >= self.threshold:
            self.threshold = threshold

    @abstractmethod
    def save(self) -> None:
        """Write both into the item."""


class SpanCarrier(Carrier):
    """In the trace state: `ot=rv:…;th:…`."""

    def __init__(self, span: Any) -> None:
        """Read a span.

        Raises:
            ValueError: its trace state is not valid.
        """
        self._span = span
        self._others: list[str] = []
        self._other_ot: list[str] = []
        self._randomness_text = ""
        if span.trace_state:
            self._parse(span.trace_state)

    def save(self) -> None:
        parts = []
        if self.randomness is not None:
            parts.append(f"rv:{self._randomness_text or randomness_text(self.randomness)}")
        if self.threshold is not None:
            parts.append(f"th:{threshold_text(self.threshold)}")
        members = list(self._others)
        if ot := ";".join(parts + self._other_ot):
            members.insert(0, f"ot={ot}")
        self._span.trace_state = ",".join(members)

    def _parse(self, state: str) -> None:
        members = [member for part in state.split(",") if (member := part.strip(" \t"))]
        if len(state) > _MAX_STATE or len(members) > _MAX_MEMBERS:
            raise ValueError("the trace state is longer than W3C allows")
        for member in members:
            match = _MEMBER.fullmatch(member)
            if match is None:
                raise ValueError(f"{member!r} is no member of a trace state")
            if match["key"] == "ot":
                self._parse_ot(match["value"])
            else:
                self._others.append(member)

    def _parse_ot(self, value: str) -> None:
        if len(value) > _MAX_OT:
            raise ValueError("the trace state of OpenTelemetry is longer than allowed")
        for member in value.split(";"):
            match = _OT_MEMBER.fullmatch(member)
            if match is None:
                raise ValueError(f"{member!r} is no member of OpenTelemetry's trace state")
            if match["key"] == "rv":
                self.randomness = parse_randomness(match["value"])
                self._randomness_text = match["value"]
            elif match["key"] == "th":
                self.threshold = parse_threshold(match["value"])
            else:
                self._other_ot.append(member)


class RecordCarrier(Carrier):
    """In the attributes of a log record: `sampling.randomness` and `sampling.threshold`."""

    def __init__(self, record: Any) -> None:
        """Read a record.

        Raises:
            ValueError: one of its attributes is not valid.
        """
        self._attributes = record.attributes
        if text := self._text(_THRESHOLD):
            self.threshold = parse_threshold(text)
        if text := self._text(_RANDOMNESS):
            self.randomness = parse_randomness(text)
        self._had_randomness = self.randomness is not None

    def save(self) -> None:
        if self.randomness is not None and not self._had_randomness:
            self._put(_RANDOMNESS, randomness_text(self.randomness))
        if self.threshold is not None:
            self._put(_THRESHOLD, threshold_text(self.threshold))

    def _text(self, key: str) -> str:
        attribute = find(self._attributes, key)
        return "" if attribute is None else attribute.value.string_value

    def _put(self, key: str, text: str) -> None:
        upsert(self._attributes, key, AnyValue(string_value=text))
