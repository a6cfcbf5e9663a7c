"""What all operators share: a condition, and what happens to an entry that one cannot work on."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol

import structlog
from pydantic import Field

from belvedere.collector.component import ComponentConfig
from belvedere.collector.receivers.filelog.entry import Entry
from belvedere.collector.receivers.filelog.expression import (
    Condition,
    ConditionText,
    parse_condition,
)
from belvedere.collector.receivers.filelog.fields import MISSING
from belvedere.collector.receivers.filelog.fields import Field as EntryField

log = structlog.get_logger(__name__)

_TOLD_EVERY_S = 10.0
"""Errors of an operator are written at most this often."""


class Operator(Protocol):
    """A step of the chain. One belongs to one receiver; calls come one after the other."""

    def process(self, entries: Iterable[Entry]) -> list[Entry]:
        """The entries after this step; it may hold some back."""
        ...

    def flush(self, now_s: float | None) -> list[Entry]:
        """Entries held back for too long at a time of the monotonic clock; None: all."""
        ...

    def held_from(self, source: str) -> int | None:
        """The least offset of the entries of a file that are held back; None: there are none."""
        ...


class OperatorConfig(ComponentConfig):
    """Keys of every operator."""

    id: str = Field("", description="Name of the operator; without it, its type.")
    output: str = Field(
        "", description="Id of the operator that comes next, later in the list; absent: the next."
    )
    on_error: Literal["send", "send_quiet", "drop", "drop_quiet"] = Field(
        "send",
        description="Whether an entry that the operator cannot work on goes on as it is (send) or"
        " is dropped, and whether that is written to the log.",
    )

    def build(self) -> Operator:
        """The operator."""
        raise NotImplementedError


class EachConfig(OperatorConfig):
    """Keys of operators that work on each entry alone."""

    condition: ConditionText = Field(
        "", alias="if", description="Condition of the entries that it works on; absent: all."
    )

    def build(self) -> Operator:
        """The operator."""
        condition = parse_condition(self.condition) if self.condition else None
        return Each(self, self.worker(), condition)

    def worker(self) -> Callable[[Entry], None]:
        """What changes an entry; raises ValueError, and has changed nothing then."""
        raise NotImplementedError


class Each:
    """Works on each entry alone."""

    def __init__(
        self, config: EachConfig, work: Callable[[Entry], None], condition: Condition | None
    ) -> None:
        self._name = config.id or str(getattr(config, "type", ""))
        self._work, self._condition = work, condition
        self._drops = config.on_error.startswith("drop")
        self._is_quiet = config.on_error.endswith("_quiet")
        self._errors, self._told_s = 0, -_TOLD_EVERY_S

    def process(self, entries: Iterable[Entry]) -> list[Entry]:
        work, condition, result = self._work, self._condition, []
        for entry in entries:
            if condition is None or condition(entry):
                try:
                    work(entry)
                except ValueError as error:
                    self._tell(error)
                    if self._drops:
                        continue
            result.append(entry)
        return result

    def flush(self, now_s: float | None) -> list[Entry]:  # noqa: ARG002 - the protocol's
        return []

    def held_from(self, source: str) -> int | None:  # noqa: ARG002 - the protocol's
        return None

    def _tell(self, error: ValueError) -> None:
        self._errors += 1
        now_s = time.monotonic()
        if not self._is_quiet and now_s - self._told_s >= _TOLD_EVERY_S:
            log.warning("operator_failed", operator=self._name, error=str(error), n=self._errors)
            self._errors, self._told_s = 0, now_s


def required(field: EntryField, entry: Entry) -> Any:
    """The value of a field.

    Raises:
        ValueError: the entry does not have it.
    """
    value = field.get(entry)
    if value is MISSING:
        raise ValueError(f"the entry has no {field}")
    return value
