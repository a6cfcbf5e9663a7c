"""`recombine`: consecutive entries to one."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from belvedere.collector.duration import Duration, SizeBytes
from belvedere.collector.receivers.filelog.entry import Entry
from belvedere.collector.receivers.filelog.expression import (
    Condition,
    ConditionText,
    parse_condition,
)
from belvedere.collector.receivers.filelog.fields import MISSING, FieldPath
from belvedere.collector.receivers.filelog.operators.base import Operator, OperatorConfig


class RecombineConfig(OperatorConfig):
    """`recombine`."""

    type: Literal["recombine"] = Field(description="recombine.")
    combine_field: FieldPath = Field(description="Field whose texts are joined.")
    combine_with: str = Field("\n", description="Text between them.")
    is_first_entry: ConditionText = Field(
        "", description="Condition of entries that begin a new one."
    )
    is_last_entry: ConditionText = Field("", description="Condition of entries that end one.")
    max_batch_size: int = Field(1000, ge=0, description="Entries in one at most; 0: no limit.")
    max_unmatched_batch_size: int = Field(
        100, ge=0, description="The same, as long as no entry met the condition; 0: no limit."
    )
    overwrite_with: Literal["oldest", "newest"] = Field(
        "newest", description="Of which entry everything else is taken."
    )
    force_flush_period: Duration = Field(
        5.0, description="Time after which entries go on without what they wait for."
    )
    source_identifier: FieldPath | None = Field(
        None, description="Field whose value tells sources apart; absent: the file."
    )
    max_sources: int = Field(1000, ge=1, description="Sources with waiting entries at most.")
    max_log_size: SizeBytes = Field(
        0, description="Size of the joined text at which it goes on; 0: no limit."
    )

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if bool(self.is_first_entry) == bool(self.is_last_entry):
            raise ValueError("exactly one of is_first_entry and is_last_entry is required")
        return self

    def build(self) -> Operator:
        """The operator."""
        return Recombine(self)


@dataclass(slots=True)
class _Waiting:
    since_s: float
    is_matched: bool
    entries: list[Entry] = field(default_factory=list)
    size_bytes: int = 0


class Recombine:
    """Joins entries of each source."""

    def __init__(
        self, config: RecombineConfig, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._config, self._now_s = config, now_s
        self._is_first: Condition | None = None
        self._is_last: Condition = lambda _: False
        if config.is_first_entry:
            self._is_first = parse_condition(config.is_first_entry)
        else:
            self._is_last = parse_condition(config.is_last_entry)
        self._sources: dict[str, _Waiting] = {}

    def process(self, entries: Iterable[Entry]) -> list[Entry]:
        result: list[Entry] = []
        for entry in entries:
            if not isinstance(self._config.combine_field.get(entry), str):
                if not self._config.on_error.startswith("drop"):
                    result.append(entry)
                continue
            self._take(entry, self._source(entry), result)
        return result

    def flush(self, now_s: float | None) -> list[Entry]:
        latest_s = None if now_s is None else now_s - self._config.force_flush_period
        due = [
            source
            for source, waiting in self._sources.items()
            if latest_s is None or waiting.since_s <= latest_s
        ]
        return [self._joined(source) for source in due]

    def held_from(self, source: str) -> int | None:
        return min(
            (
                entry.offset
                for waiting in self._sources.values()
                for entry in waiting.entries
                if entry.source == source
            ),
            default=None,
        )

    def _source(self, entry: Entry) -> str:
        field = self._config.source_identifier
        value: Any = field.get(entry) if field else entry.source
        return entry.source if value is MISSING else str(value)

    def _take(self, entry: Entry, source: str, result: list[Entry]) -> None:
        begins = self._is_first is not None and self._is_first(entry)
        if begins and source in self._sources:
            result.append(self._joined(source))
        if source not in self._sources and len(self._sources) >= self._config.max_sources:
            result += self.flush(None)
        waiting = self._sources.setdefault(source, _Waiting(self._now_s(), begins))
        waiting.entries.append(entry)
        waiting.size_bytes += len(self._config.combine_field.get(entry))
        if self._is_last(entry) or self._is_full(waiting):
            result.append(self._joined(source))

    def _is_full(self, waiting: _Waiting) -> bool:
        config = self._config
        limit = config.max_batch_size
        if not waiting.is_matched:
            limit = min(filter(None, (limit, config.max_unmatched_batch_size)), default=0)
        size = config.max_log_size
        return bool(
            (limit and len(waiting.entries) >= limit) or (size and waiting.size_bytes >= size)
        )

    def _joined(self, source: str) -> Entry:
        config, entries = self._config, self._sources.pop(source).entries
        text = config.combine_with.join(config.combine_field.get(entry) for entry in entries)
        result = entries[0 if config.overwrite_with == "oldest" else -1]
        result.offset = entries[0].offset
        config.combine_field.set(result, text)
        return result
