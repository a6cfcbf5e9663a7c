"""The connector `routing`, after the Collector's.

Rows of the table are asked in order. What meets a row's condition goes to its pipelines, and is
done with (`action: move`) or asked on (`copy`); what takes no route goes to the default pipelines.
What several rows send to the same pipelines arrives there as one batch.

One connector may stand in pipelines of several signals: a row is for the signals of its pipelines.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from belvedere.collector.component import Consumer, Host
from belvedere.collector.connectors.routing.config import SIGNALS, RouteConfig, RoutingConfig
from belvedere.collector.connectors.routing.request import request_condition
from belvedere.collector.connectors.routing.splitting import split
from belvedere.collector.connectors.telemetry import DROPPED
from belvedere.collector.errors import ConfigError, Permanent
from belvedere.collector.fan_out import combined, fan_out
from belvedere.collector.ottl import Context, Edit, ErrorMode, EvaluationError, Record
from belvedere.collector.tree import nearest
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

_Pipelines: TypeAlias = tuple[str, ...]
_Consumers: TypeAlias = Mapping[Signal, Mapping[str, Consumer]]


@dataclass(frozen=True, slots=True)
class _Route:
    """A row of the table, for one signal."""

    pipelines: _Pipelines
    is_copy: bool
    request: Callable[[Batch], bool] | None
    """On the request's headers; None: on the contents."""
    context: Context
    take: Callable[[Record], bool]
    changes: bool
    """Whether taking it changes what takes it."""


class Routing:
    """Sends each part of a batch where the table says."""

    Config = RoutingConfig
    connects: ClassVar[Mapping[Signal, frozenset[Signal]]] = {
        signal: frozenset({signal}) for signal in Signal
    }

    def __init__(self, config: RoutingConfig, host: Host, consumers: _Consumers) -> None:
        """A connector that knows its routes.

        Raises:
            ConfigError: a row names a pipeline that this connector does not begin.
        """
        self._id = host.component_id
        key = f"connectors::{self._id}"
        known = {name: signal for signal, names in consumers.items() for name in names}
        self._defaults = _by_signal(config.default_pipelines, known, f"{key}::default_pipelines")
        self._routes: dict[Signal, list[_Route]] = {signal: [] for signal in Signal}
        for index, row in enumerate(config.table):
            place = f"{key}::table::{index}"
            for signal, pipelines in _by_signal(
                row.pipelines, known, f"{place}::pipelines"
            ).items():
                self._routes[signal].append(
                    _route(row, signal, pipelines, config.error_mode, place)
                )
        chosen = [route.pipelines for routes in self._routes.values() for route in routes]
        self._consumers = {
            pipelines: fan_out([consumers[known[name]][name] for name in pipelines])
            for pipelines in {*chosen, *self._defaults.values()}
        }

    async def start(self) -> None:
        """Nothing to do."""

    async def consume(self, batch: Batch) -> None:
        """Returns when all pipelines have accepted their parts.

        Raises:
            Retryable: one asks for a retry; all of the batch is to come again.
            Permanent: one will never accept its part, or a value is not what a condition takes.
        """
        try:
            groups = self._groups(batch)
        except EvaluationError as error:
            raise Permanent(f"{self._id}: {error}") from None
        results = await asyncio.gather(
            *(
                self._consumers[pipelines].consume(Batch.joined(parts))
                for pipelines, parts in groups.items()
            ),
            return_exceptions=True,
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            raise combined(failures)

    async def shutdown(self) -> None:
        """Nothing is held."""

    def _groups(self, batch: Batch) -> dict[_Pipelines, list[Batch]]:
        """The parts of a batch, by where they go."""
        groups: dict[_Pipelines, list[Batch]] = {}
        routes = self._routes[batch.signal]
        left: Batch | None = batch
        for route in routes:
            if left is None:
                break
            taken, rest = _taken(route, left)
            if taken is not None:
                groups.setdefault(route.pipelines, []).append(taken)
                left = left if route.is_copy else rest
        if left is not None:
            if defaults := self._defaults.get(batch.signal):
                groups.setdefault(defaults, []).append(left)
            else:
                DROPPED[batch.signal].labels(self._id, "no_route").inc(left.items)
        return groups


def _taken(route: _Route, batch: Batch) -> tuple[Batch | None, Batch | None]:
    """What takes a route, and the rest."""
    if route.request is not None:
        return (batch, None) if route.request(batch) else (None, batch)
    message: Any = batch.message
    if route.changes:
        message = batch.signal.request_type.FromString(batch.data)
    taken, rest = split(batch, message, route.context, route.take)
    return _of(batch, taken, changed=route.changes), _of(batch, rest, changed=False)


def _of(batch: Batch, message: Any, *, changed: bool) -> Batch | None:
    """The batch with other contents; as it is, if these are its own."""
    if message is None:
        return None
    if message is batch.message and not changed:
        return batch
    return Batch.of(batch.signal, message, project=batch.project, metadata=batch.metadata)


def _route(
    row: RouteConfig, signal: Signal, pipelines: _Pipelines, mode: ErrorMode, place: str
) -> _Route:
    is_copy = row.action == "copy"
    if row.is_request:
        request = request_condition(row.condition)
        return _Route(pipelines, is_copy, request, Context.RESOURCE, lambda _: False, changes=False)
    context = row.looks_at
    if signal not in SIGNALS[context]:
        raise ConfigError(
            f"{signal} have no {context}, and {', '.join(pipelines)} is a pipeline of {signal}",
            key=f"{place}::context",
        )
    holds, edit = row.compiled(mode)
    if edit is None:
        return _Route(pipelines, is_copy, None, context, holds, changes=False)
    return _Route(pipelines, is_copy, None, context, _editing(holds, edit), changes=True)


def _editing(holds: Callable[[Record], bool], edit: Edit) -> Callable[[Record], bool]:
    def take(record: Record) -> bool:
        if not holds(record):
            return False
        edit(record)
        return True

    return take


def _by_signal(
    names: Iterable[str], known: Mapping[str, Signal], key: str
) -> dict[Signal, _Pipelines]:
    found: dict[Signal, _Pipelines] = {}
    for name in names:
        if name not in known:
            raise ConfigError(
                f"no pipeline {name!r} has this connector as its receiver",
                key=key,
                hint=nearest(name, known),
            )
        signal = known[name]
        found[signal] = (*found.get(signal, ()), name)
    return found
