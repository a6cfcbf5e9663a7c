"""`service::pipelines`: which components a signal passes, and whether that can be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from belvedere.collector.component import ComponentConfig
from belvedere.collector.errors import ConfigError
from belvedere.collector.registry import Kind
from belvedere.collector.tree import KeyPath, Tree, nearest
from belvedere.otlp.signal import Signal

_ROLES = (Kind.RECEIVER, Kind.PROCESSOR, Kind.EXPORTER)
"""The keys of a pipeline, in the order of the data."""
_PATH: KeyPath = ("service", "pipelines")


@dataclass(frozen=True, slots=True)
class ComponentSettings:
    """One configured component."""

    kind: Kind
    id: str
    """`type` or `type/name`, as written."""
    component: Any
    """Its class, of the shape that `registry` describes for its kind."""
    config: ComponentConfig

    @property
    def signals(self) -> frozenset[Signal]:
        """What it can handle: `signals` of its configuration or else of its class; or else all."""
        signals = self._own("signals")
        return frozenset(Signal) if signals is None else frozenset(signals)

    @property
    def connects(self) -> Mapping[Signal, frozenset[Signal]]:
        """Of a connector: the signals that it takes, and what each becomes."""
        connects: Mapping[Signal, frozenset[Signal]] = self._own("connects") or {}
        return connects

    def _own(self, attribute: str) -> Any:
        for owner in (self.config, self.component):
            if (value := getattr(owner, attribute, None)) is not None:
                return value
        return None


Components = Mapping[Kind, Mapping[str, ComponentSettings]]
"""Section → id → settings."""


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """One pipeline: ids of components, which exist and handle its signal."""

    id: str
    signal: Signal
    receivers: tuple[str, ...]
    """Ids of receivers, and of connectors that other pipelines end in."""
    processors: tuple[str, ...]
    exporters: tuple[str, ...]
    """Ids of exporters, and of connectors that other pipelines begin with."""


def read_pipelines(tree: Tree, components: Components) -> dict[str, PipelineSettings]:
    """All pipelines.

    Raises:
        ConfigError: they name what there is not, or connectors that lead nowhere or in a circle.
    """
    names = tree.mapping(_PATH)
    if not names:
        raise tree.error(
            _PATH,
            "at least one pipeline is required",
            "such as traces: {receivers: [otlp], exporters: [debug]}",
        )
    _check_connector_ids(tree, components)
    pipelines = {name: _pipeline(tree, name, components) for name in names}
    _check_connections(tree, components[Kind.CONNECTOR], pipelines)
    _check_circles(tree, components[Kind.CONNECTOR], pipelines)
    return pipelines


def leads_to(
    connector: ComponentSettings,
    pipeline: PipelineSettings,
    pipelines: Mapping[str, PipelineSettings],
) -> Iterator[PipelineSettings]:
    """The pipelines into which a connector brings what comes out of `pipeline`."""
    becomes = connector.connects.get(pipeline.signal, frozenset())
    for other in pipelines.values():
        if connector.id in other.receivers and other.signal in becomes:
            yield other


def _pipeline(tree: Tree, pipeline_id: str, components: Components) -> PipelineSettings:
    path: KeyPath = (*_PATH, pipeline_id)
    signal_name, slash, name = pipeline_id.partition("/")
    if signal_name not in set(Signal) or (slash and not name):
        raise tree.error(
            path,
            "a pipeline is named after its signal: traces, metrics or logs, also traces/name",
            nearest(signal_name, Signal),
        )
    signal = Signal(signal_name)
    tree.known_keys_only(path, set(_ROLES))
    receivers, processors, exporters = (
        _references(tree, (*path, role), signal, role, components) for role in _ROLES
    )
    for role, ids in ((Kind.RECEIVER, receivers), (Kind.EXPORTER, exporters)):
        if not ids:
            raise tree.error((*path, role), f"a pipeline needs at least one {role[:-1]}")
    return PipelineSettings(pipeline_id, signal, receivers, processors, exporters)


def _references(
    tree: Tree, path: KeyPath, signal: Signal, role: Kind, components: Components
) -> tuple[str, ...]:
    """The ids in one list of a pipeline; each is configured, handles the signal, is there once."""
    connectors = components[Kind.CONNECTOR] if role is not Kind.PROCESSOR else {}
    known = {**connectors, **components[role]}
    ids = read_ids(
        tree, path, known, " or ".join([role, *([Kind.CONNECTOR] if connectors else [])])
    )
    for index, component_id in enumerate(ids):
        can = _signals_in(role, known[component_id])
        if signal not in can:
            takes = ", ".join(sorted(can)) or "nothing"
            raise tree.error(
                (*path, index),
                f"{component_id!r} does not handle {signal}"
                + (f" as {role[:-1]}" if component_id in connectors else ""),
                f"it handles {takes}",
            )
    return ids


def read_ids(tree: Tree, path: KeyPath, known: Mapping[str, Any], section: str) -> tuple[str, ...]:
    """A list of component ids, each of which is configured, and there once.

    Raises:
        ConfigError: it is no such list.
    """
    ids = tree.get(path) or []
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise tree.error(path, "a list of component ids is expected: [otlp, otlp/2]")
    for index, component_id in enumerate(ids):
        at = (*path, index)
        if component_id not in known:
            where = "::".join(map(str, path))
            hint = nearest(component_id, known) or f"configure it there, or remove it from {where}"
            raise tree.error(at, f"{component_id!r} is not configured in {section}", hint)
        if component_id in ids[:index]:
            raise tree.error(at, f"{component_id!r} is in this list twice")
    return tuple(ids)


def _signals_in(role: Kind, settings: ComponentSettings) -> frozenset[Signal]:
    """The signals of the pipelines that may name a component in that role."""
    if settings.kind is not Kind.CONNECTOR:
        return settings.signals
    if role is Kind.EXPORTER:
        return frozenset(settings.connects)
    return frozenset().union(*settings.connects.values())


def _check_connector_ids(tree: Tree, components: Components) -> None:
    """An id in a pipeline must say which component it means."""
    for connector_id in components[Kind.CONNECTOR]:
        for kind in (Kind.RECEIVER, Kind.EXPORTER):
            if connector_id in components[kind]:
                raise tree.error(
                    (Kind.CONNECTOR, connector_id),
                    f"there is also a component {connector_id!r} in {kind}",
                    f"give one of them a name of its own, like {connector_id}/2",
                )


def _check_connections(
    tree: Tree,
    connectors: Mapping[str, ComponentSettings],
    pipelines: Mapping[str, PipelineSettings],
) -> None:
    """What goes into a connector comes out somewhere, and what it feeds gets something."""
    for connector in connectors.values():
        name = connector.id
        before = [each for each in pipelines.values() if name in each.exporters]
        after = [each for each in pipelines.values() if name in each.receivers]
        for pipeline in before:
            if not any(leads_to(connector, pipeline, pipelines)):
                becomes = ", ".join(sorted(connector.connects[pipeline.signal]))
                at = (*_PATH, pipeline.id, Kind.EXPORTER, pipeline.exporters.index(name))
                raise tree.error(
                    at,
                    f"the connector {name!r} is not a receiver of any pipeline for what it makes"
                    f" of {pipeline.signal}",
                    f"name it in the receivers of a pipeline for {becomes}",
                )
        for pipeline in after:
            takes = sorted(s for s, made in connector.connects.items() if pipeline.signal in made)
            if not any(each.signal in takes for each in before):
                at = (*_PATH, pipeline.id, Kind.RECEIVER, pipeline.receivers.index(name))
                raise tree.error(
                    at,
                    f"the connector {name!r} gets nothing that could become {pipeline.signal}",
                    f"name it in the exporters of a pipeline for {', '.join(takes)}",
                )


def _check_circles(
    tree: Tree,
    connectors: Mapping[str, ComponentSettings],
    pipelines: Mapping[str, PipelineSettings],
) -> None:
    """Data that comes back to where it was would go round forever."""
    finished: set[str] = set()

    def visit(pipeline: PipelineSettings, way: list[str]) -> None:
        if pipeline.id in finished:
            return
        if pipeline.id in way:
            raise _circle(tree, pipelines, [*way[way.index(pipeline.id) :], pipeline.id])
        for name in pipeline.exporters:
            if name in connectors:
                for following in leads_to(connectors[name], pipeline, pipelines):
                    visit(following, [*way, pipeline.id, name])
        finished.add(pipeline.id)

    for pipeline in pipelines.values():
        visit(pipeline, [])


def _circle(tree: Tree, pipelines: Mapping[str, PipelineSettings], way: list[str]) -> ConfigError:
    first, connector = way[0], way[1]
    at = (*_PATH, first, Kind.EXPORTER, pipelines[first].exporters.index(connector))
    return tree.error(
        at,
        f"data would go round in a circle: {' → '.join(way)}",
        f"take {connector!r} out of the exporters here, or a connector out of another of these"
        " pipelines",
    )
