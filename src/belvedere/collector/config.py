"""A Collector configuration: the official file format to validated, immutable settings."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from belvedere.collector.pipelines import (
    Components,
    ComponentSettings,
    PipelineSettings,
    read_ids,
    read_pipelines,
)
from belvedere.collector.registry import ABSENT, COMPONENTS, RENAMED, Kind, component_class
from belvedere.collector.source import Source, read_tree
from belvedere.collector.telemetry.config import Telemetry
from belvedere.collector.tree import KeyPath, Tree, nearest
from belvedere.collector.validate import validated

log = structlog.get_logger(__name__)

_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class CollectorConfig:
    """What `load_config` makes of the sources."""

    components: Components
    """Section → id → settings; also of components that no pipeline uses."""
    extensions: tuple[str, ...]
    """Ids of the extensions that run, in the order of their start."""
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
    tree.known_keys_only((), {*Kind, "service"})
    components = {kind: _section(tree, kind) for kind in Kind}
    tree.known_keys_only(("service",), {"pipelines", "telemetry", "extensions"})
    return CollectorConfig(
        components,
        read_ids(tree, ("service", "extensions"), components[Kind.EXTENSION], Kind.EXTENSION),
        read_pipelines(tree, components),
        validated(Telemetry, tree, ("service", "telemetry")),
        tree,
    )


def _section(tree: Tree, kind: Kind) -> dict[str, ComponentSettings]:
    return {name: _component(tree, kind, name) for name in tree.mapping((kind,))}


def _component(tree: Tree, kind: Kind, component_id: str) -> ComponentSettings:
    path: KeyPath = (kind, component_id)
    type_name, slash, name = component_id.partition("/")
    if not _TYPE.fullmatch(type_name) or (slash and not name):
        raise tree.error(path, "an id is a type, or a type and a name: otlp, otlp/2")
    renamed = RENAMED.get(kind, {})
    if type_name not in COMPONENTS[kind] and type_name not in renamed:
        hint = ABSENT[kind].get(type_name) or nearest(type_name, {*COMPONENTS[kind], *renamed})
        raise tree.error(path, f"there is no {kind[:-1]} of the type {type_name!r}", hint)
    if type_name in renamed:
        log.warning(
            "component_renamed",
            component=component_id,
            new_name=renamed[type_name] + slash + name,
        )
    component = component_class(kind, type_name)
    return ComponentSettings(kind, component_id, component, validated(component.Config, tree, path))
