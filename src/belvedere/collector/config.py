"""A Collector configuration: the official file format to validated, immutable settings."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog
from pydantic import Field

from belvedere.collector.component import ComponentConfig
from belvedere.collector.registry import COMPONENTS, RENAMED, Kind, component_class
from belvedere.collector.source import Source, read_tree
from belvedere.collector.tree import KeyPath, Tree, nearest
from belvedere.collector.validate import validated
from belvedere.otlp.signal import Signal

log = structlog.get_logger(__name__)

_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_SECTIONS = tuple(Kind)
"""The sections that hold components."""
_ROLES = (Kind.RECEIVER, Kind.PROCESSOR, Kind.EXPORTER)
"""The keys of a pipeline, in the order of the data."""


class LogsTelemetry(ComponentConfig):
    """`service::telemetry::logs`."""

    level: Literal["debug", "info", "warn", "error"] = Field(
        "info", description="The least severe level of the Collector's own log that is written."
    )


class MetricsTelemetry(ComponentConfig):
    """`service::telemetry::metrics`."""

    level: Literal["none", "basic", "normal", "detailed"] = Field(
        "normal", description="How much the Collector counts about itself; `none` serves nothing."
    )
    address: str = Field("", description="host:port on which `/metrics` is served; empty: nowhere.")


class Telemetry(ComponentConfig):
    """`service::telemetry`: what the Collector says about itself."""

    logs: LogsTelemetry = Field(default_factory=LogsTelemetry, description="Its log.")
    metrics: MetricsTelemetry = Field(default_factory=MetricsTelemetry, description="Its metrics.")


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
        for owner in (self.config, self.component):
            if (signals := getattr(owner, "signals", None)) is not None:
                return frozenset(signals)
        return frozenset(Signal)


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """One pipeline: ids of components, which exist and handle its signal."""

    id: str
    signal: Signal
    receivers: tuple[str, ...]
    processors: tuple[str, ...]
    exporters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CollectorConfig:
    """What `load_config` makes of the sources."""

    components: Mapping[Kind, Mapping[str, ComponentSettings]]
    """Section → id → settings; also of components that no pipeline uses."""
    pipelines: Mapping[str, PipelineSettings]
    telemetry: Telemetry
    tree: Tree = field(repr=False)
    """Where each value was written, for errors that show later."""


def load_config(*sources: Source, env: Mapping[str, str] | None = None) -> CollectorConfig:
    """Read sources, later ones over earlier ones, and validate the result.

    Args:
        sources: the files, in the order of the command line.
        env: the environment for `${env:NAME}`; None: that of the process.

    Raises:
        ConfigError: the configuration cannot run.
    """
    tree = Tree()
    for source in sources:
        tree.merge(read_tree(source, os.environ if env is None else env))
    _known_keys_only(tree, (), {*_SECTIONS, "service"})
    components = {kind: _section(tree, kind) for kind in Kind}
    _known_keys_only(tree, ("service",), {"pipelines", "telemetry", "extensions"})
    if tree.get(("service", "extensions")):
        raise tree.error(("service", "extensions"), "there are no extensions in this version")
    return CollectorConfig(
        components,
        _pipelines(tree, components),
        validated(Telemetry, tree, ("service", "telemetry")),
        tree,
    )


def _section(tree: Tree, kind: Kind) -> dict[str, ComponentSettings]:
    return {name: _component(tree, kind, name) for name in _mapping(tree, (kind,))}


def _component(tree: Tree, kind: Kind, component_id: str) -> ComponentSettings:
    path: KeyPath = (kind, component_id)
    type_name, slash, name = component_id.partition("/")
    if not _TYPE.fullmatch(type_name) or (slash and not name):
        raise tree.error(path, "an id is a type, or a type and a name: otlp, otlp/2")
    renamed = RENAMED.get(kind, {})
    if type_name not in COMPONENTS[kind] and type_name not in renamed:
        hint = nearest(type_name, {*COMPONENTS[kind], *renamed})
        raise tree.error(path, f"there is no {kind[:-1]} of the type {type_name!r}", hint)
    if type_name in renamed:
        log.warning(
            "component_renamed",
            component=component_id,
            new_name=renamed[type_name] + slash + name,
        )
    component = component_class(kind, type_name)
    return ComponentSettings(kind, component_id, component, validated(component.Config, tree, path))


def _pipelines(
    tree: Tree, components: Mapping[Kind, Mapping[str, ComponentSettings]]
) -> dict[str, PipelineSettings]:
    path: KeyPath = ("service", "pipelines")
    names = _mapping(tree, path)
    if not names:
        raise tree.error(path, "at least one pipeline is required", "see the packaged default")
    return {name: _pipeline(tree, name, components) for name in names}


def _pipeline(
    tree: Tree, pipeline_id: str, components: Mapping[Kind, Mapping[str, ComponentSettings]]
) -> PipelineSettings:
    path: KeyPath = ("service", "pipelines", pipeline_id)
    signal_name, slash, name = pipeline_id.partition("/")
    if signal_name not in set(Signal) or (slash and not name):
        raise tree.error(
            path,
            "a pipeline is named after its signal: traces, metrics or logs, also traces/name",
            nearest(signal_name, Signal),
        )
    signal = Signal(signal_name)
    _known_keys_only(tree, path, set(_ROLES))
    receivers, processors, exporters = (
        _references(tree, (*path, role), signal, components[role]) for role in _ROLES
    )
    for role, ids in ((Kind.RECEIVER, receivers), (Kind.EXPORTER, exporters)):
        if not ids:
            raise tree.error((*path, role), f"a pipeline needs at least one {role[:-1]}")
    return PipelineSettings(pipeline_id, signal, receivers, processors, exporters)


def _references(
    tree: Tree, path: KeyPath, signal: Signal, known: Mapping[str, ComponentSettings]
) -> tuple[str, ...]:
    """The ids in one list of a pipeline; each is configured, handles the signal, is there once."""
    ids = tree.get(path) or []
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise tree.error(path, "a list of component ids is expected: [otlp, otlp/2]")
    role = str(path[-1])
    for index, component_id in enumerate(ids):
        at = (*path, index)
        if component_id not in known:
            hint = nearest(component_id, known)
            raise tree.error(at, f"{component_id!r} is not configured in {role}", hint)
        if signal not in known[component_id].signals:
            can = ", ".join(sorted(known[component_id].signals))
            raise tree.error(at, f"{component_id!r} does not handle {signal}", f"it handles {can}")
        if component_id in ids[:index]:
            raise tree.error(at, f"{component_id!r} is in this list twice")
    return tuple(ids)


def _mapping(tree: Tree, path: KeyPath) -> dict[str, Any]:
    """The mapping at `path`; empty where nothing is written."""
    value = tree.get(path)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise tree.error(path, f"a mapping is expected, not {value!r}")
    return value


def _known_keys_only(tree: Tree, path: KeyPath, known: set[str]) -> None:
    for key in _mapping(tree, path):
        if key not in known:
            raise tree.error((*path, key), "there is no such key", nearest(key, known))
