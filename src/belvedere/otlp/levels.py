"""How the messages of each signal nest: resources hold scopes, which hold records."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from belvedere.otlp.signal import ExportRequest, Signal


@dataclass(frozen=True, slots=True)
class Levels:
    """The names of the nested repeated fields that lead to a signal's records."""

    resources: str
    scopes: str
    records: str


LEVELS: Final[Mapping[Signal, Levels]] = {
    Signal.TRACES: Levels("resource_spans", "scope_spans", "spans"),
    Signal.METRICS: Levels("resource_metrics", "scope_metrics", "metrics"),
    Signal.LOGS: Levels("resource_logs", "scope_logs", "log_records"),
}


def scopes_of(signal: Signal, message: ExportRequest) -> Iterator[tuple[Any, Any, Any]]:
    """Each scope of a request: its resource's entry, its own entry, and its records.

    Records are spans, metrics or log records. All three are parts of `message`, not copies.
    """
    levels = LEVELS[signal]
    for resource in getattr(message, levels.resources):
        for scope in getattr(resource, levels.scopes):
            yield resource, scope, getattr(scope, levels.records)


def points_of(metric: Any) -> Any:
    """The data points of a metric of whatever type; of one without a type, none."""
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()


def retain(signal: Signal, message: ExportRequest, test: Callable[[Any], bool]) -> None:
    """Take out of a request of traces or logs what fails the test, and what is empty then."""
    levels = LEVELS[signal]
    resources = getattr(message, levels.resources)
    for resource in resources:
        scopes = getattr(resource, levels.scopes)
        for scope in scopes:
            _filter(getattr(scope, levels.records), test)
        _filter(scopes, lambda scope: len(getattr(scope, levels.records)) > 0)
    _filter(resources, lambda resource: len(getattr(resource, levels.scopes)) > 0)


def _filter(messages: Any, test: Callable[[Any], bool]) -> None:
    """Take out of a repeated field the messages that fail the test; it is asked in order."""
    failed = [index for index, each in enumerate(messages) if not test(each)]
    if len(failed) == len(messages):
        del messages[:]
        return
    for index in reversed(failed):
        del messages[index]
