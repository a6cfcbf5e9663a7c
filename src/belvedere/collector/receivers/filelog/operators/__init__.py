"""Operators of stanza, in a chain: each is a step on the entries of a file.

Each entry goes through all of them in the order of the list. Routing by `output` is not there:
the connector `routing` and the processor `transform` do that.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from belvedere.collector.receivers.filelog.entry import Entry
from belvedere.collector.receivers.filelog.operators.base import Operator, OperatorConfig
from belvedere.collector.receivers.filelog.operators.container import ContainerConfig
from belvedere.collector.receivers.filelog.operators.filter import FilterConfig
from belvedere.collector.receivers.filelog.operators.moving import (
    AddConfig,
    CopyConfig,
    MoveConfig,
    NoopConfig,
    RemoveConfig,
    RetainConfig,
)
from belvedere.collector.receivers.filelog.operators.parsers import (
    JsonParserConfig,
    RegexParserConfig,
)
from belvedere.collector.receivers.filelog.operators.recombine import RecombineConfig
from belvedere.collector.receivers.filelog.operators.severity import SeverityParserConfig
from belvedere.collector.receivers.filelog.operators.timestamp import TimeParserConfig

OPERATORS: Final[Mapping[str, type[OperatorConfig]]] = {
    "add": AddConfig,
    "container": ContainerConfig,
    "copy": CopyConfig,
    "filter": FilterConfig,
    "json_parser": JsonParserConfig,
    "move": MoveConfig,
    "noop": NoopConfig,
    "recombine": RecombineConfig,
    "regex_parser": RegexParserConfig,
    "remove": RemoveConfig,
    "retain": RetainConfig,
    "severity_parser": SeverityParserConfig,
    "time_parser": TimeParserConfig,
}
"""Type → its configuration."""


class Chain:
    """The operators of one receiver."""

    def __init__(self, configs: Iterable[OperatorConfig]) -> None:
        self._steps: list[Operator] = [config.build() for config in configs]

    def process(self, entries: list[Entry]) -> list[Entry]:
        """The entries after all steps."""
        for step in self._steps:
            entries = step.process(entries)
        return entries

    def flush(self, now_s: float | None) -> list[Entry]:
        """Entries that steps have held back for too long (None: all), after the later steps."""
        entries: list[Entry] = []
        for step in self._steps:
            entries = [*step.process(entries), *step.flush(now_s)]
        return entries

    def held_from(self, source: str) -> int | None:
        """The least offset of what is held back of a file."""
        held = (step.held_from(source) for step in self._steps)
        return min((offset for offset in held if offset is not None), default=None)
