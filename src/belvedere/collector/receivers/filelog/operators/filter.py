"""`filter`: drops entries."""

import random
from collections.abc import Callable, Iterable
from typing import Literal

from pydantic import Field

from belvedere.collector.receivers.filelog.entry import Entry
from belvedere.collector.receivers.filelog.expression import (
    Condition,
    ConditionText,
    parse_condition,
)
from belvedere.collector.receivers.filelog.operators.base import Operator, OperatorConfig


class FilterConfig(OperatorConfig):
    """`filter`."""

    type: Literal["filter"] = Field(description="filter.")
    expr: ConditionText = Field(description="Condition of the entries that are dropped.")
    drop_ratio: float = Field(
        1.0, ge=0, le=1, description="Share of those entries that is dropped, by chance."
    )

    def build(self) -> Operator:
        """The operator."""
        return Filter(parse_condition(self.expr), self.drop_ratio)


class Filter:
    """Drops entries."""

    def __init__(
        self,
        condition: Condition,
        drop_ratio: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._condition, self._drop_ratio, self._chance = condition, drop_ratio, chance

    def process(self, entries: Iterable[Entry]) -> list[Entry]:
        return [
            entry
            for entry in entries
            if not (self._condition(entry) and self._chance() < self._drop_ratio)
        ]

    def flush(self, now_s: float | None) -> list[Entry]:  # noqa: ARG002 - the protocol's
        return []

    def held_from(self, source: str) -> int | None:  # noqa: ARG002 - the protocol's
        return None
