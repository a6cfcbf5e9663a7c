"""Operators of stanza, in a chain: each is a step on the entries of a file.

Each entry goes through them in the order of the list, but for what `output` and the operator
`router` skip: they lead to later operators, so that one pass through the list is enough.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from belvedere.collector.receivers.filelog.operators.router import Router, RouterConfig
from belvedere.collector.receivers.filelog.operators.severity import SeverityParserConfig
from belvedere.collector.receivers.filelog.operators.timestamp import TimeParserConfig
from belvedere.collector.receivers.filelog.operators.trace import TraceParserConfig

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
    "router": RouterConfig,
    "severity_parser": SeverityParserConfig,
    "time_parser": TimeParserConfig,
    "trace_parser": TraceParserConfig,
}
"""Type → its configuration."""


class Chain:
    """The operators of one receiver."""

    def __init__(self, configs: Iterable[OperatorConfig]) -> None:
        """Make the operators.

        Raises:
            ValueError: an `output` leads nowhere, or back.
        """
        operators = list(configs)
        self._steps: list[Operator] = [config.build() for config in operators]
        self._places = places(operators)
        """Operator → id that it leads to → index of that operator; "": where all others go."""

    def process(self, entries: list[Entry]) -> list[Entry]:
        """The entries after all steps."""
        return self._run(entries)

    def flush(self, now_s: float | None) -> list[Entry]:
        """Entries that steps have held back for too long (None: all), after the later steps."""
        return self._run([], lambda step: step.flush(now_s))

    def held_from(self, source: str) -> int | None:
        """The least offset of what is held back of a file."""
        held = (step.held_from(source) for step in self._steps)
        return min((offset for offset in held if offset is not None), default=None)

    def _run(
        self, entries: list[Entry], also: Callable[[Operator], list[Entry]] | None = None
    ) -> list[Entry]:
        """Bring entries, and what comes out of steps besides, through the later steps."""
        waiting: list[list[Entry]] = [entries, *([] for _ in self._steps)]
        for index, (step, outputs) in enumerate(zip(self._steps, self._places, strict=True)):
            come, waiting[index] = waiting[index], []
            if isinstance(step, Router):
                for output, routed in step.routed(come).items():
                    _join(waiting, outputs[output], routed)
                continue
            left = step.process(come) if come else []
            if also:
                left = [*left, *also(step)]
            _join(waiting, outputs[""], left)
        return waiting[-1]


def places(operators: Sequence[OperatorConfig]) -> list[dict[str, int]]:
    """Where operators lead: see `Chain`.

    Raises:
        ValueError: an `output` leads nowhere, or back.
    """
    names = [operator.id or str(getattr(operator, "type", "")) for operator in operators]
    result = []
    for index, operator in enumerate(operators):
        outputs = {operator.output} if operator.output else set()
        if isinstance(operator, RouterConfig):
            if operator.output:
                raise ValueError(f"{names[index]}: a router has outputs in its routes, and default")
            outputs = {route.output for route in operator.routes} | ({operator.default} - {""})
        found = {output: _place(output, names, index) for output in outputs}
        result.append({"": found.get(operator.output, index + 1), **found})
    return result


def _place(output: str, names: Sequence[str], index: int) -> int:
    later = [place for place, name in enumerate(names) if name == output and place > index]
    if len(later) == 1:
        return later[0]
    if later:
        raise ValueError(f"{names[index]}: several operators are called {output!r}; give them ids")
    raise ValueError(
        f"{names[index]}: the output {output!r} is no later operator;"
        f" there are {', '.join(names[index + 1 :]) or 'none'}"
    )


def _join(waiting: list[list[Entry]], place: int, entries: list[Entry]) -> None:
    """Let entries wait before an operator, those of a file in the order of the file."""
    if not waiting[place]:
        waiting[place] = entries
    elif entries:
        waiting[place] = sorted(
            (*waiting[place], *entries), key=lambda each: (each.source, each.offset)
        )
