"""What there is to configure: every component with its keys, read from its `Config`."""

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from belvedere.collector.component import ComponentConfig
from belvedere.collector.duration import parse_duration, parse_size
from belvedere.collector.registry import COMPONENTS, RENAMED, Kind, component_class
from belvedere.otlp.signal import Signal

_NAMES: Mapping[Any, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    Any: "anything",
    bytes: "text",
    type(None): "",
}
_PARSERS: Mapping[Any, str] = {parse_duration: "duration", parse_size: "size"}
_LISTS = (list, tuple, set, frozenset, Sequence)
_Within = tuple[type[BaseModel], ...]
"""The models that a model stands in: one that holds itself is followed once."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a component."""

    path: str
    """With `::` between its parts; `[]` stands for each element, `<name>` for each name."""
    type: str
    default: str
    """As it would be written; empty: nothing."""
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One component."""

    kind: Kind
    type: str
    older_names: tuple[str, ...]
    summary: str
    signals: tuple[str, ...]
    """What it handles; of a connector, `traces → metrics`."""
    keys: tuple[Key, ...]
    unsupported: Mapping[str, str]
    """Keys of the official component that are refused, and why."""
    notes: str
    """What else its user must know, such as what an acknowledgement promises."""


def catalogue(type_name: str = "") -> list[Entry]:
    """All components, or those of one type, also by an older name."""
    return [
        _entry(kind, name)
        for kind, names in COMPONENTS.items()
        for name in names
        if not type_name or type_name in (name, *_older(kind, name))
    ]


def type_names() -> set[str]:
    """The names of all types, older ones included."""
    return {name for names in (*COMPONENTS.values(), *RENAMED.values()) for name in names}


def _entry(kind: Kind, name: str) -> Entry:
    component = component_class(kind, name)
    config: type[ComponentConfig] = component.Config
    module = inspect.getdoc(sys.modules[COMPONENTS[kind][name].partition(":")[0]]) or ""
    summary = module.partition("\n")[0].partition(": ")[2]
    keys = tuple(_keys(config, "", ()))
    return Entry(
        kind,
        name,
        _older(kind, name),
        summary[:1].upper() + summary[1:],
        tuple(_signals(kind, component)),
        keys,
        dict(_unsupported(config, "", ())),
        getattr(component, "notes", ""),
    )


def _older(kind: Kind, name: str) -> tuple[str, ...]:
    return tuple(older for older, new in RENAMED.get(kind, {}).items() if new == name)


def _signals(kind: Kind, component: Any) -> Iterator[str]:
    if kind is Kind.EXTENSION:
        return
    if kind is Kind.CONNECTOR:
        for taken, made in component.connects.items():
            yield f"{taken} → {', '.join(sorted(made))}"
        return
    signals = getattr(component, "signals", Signal)
    yield from sorted(Signal if isinstance(signals, property) else signals)


def _keys(model: type[BaseModel], prefix: str, within: _Within) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        path = prefix + (field.alias or name)
        inner = list(_models(field.annotation, path))
        # A key that only holds other keys is told by these.
        if not inner or field.is_required() or field.default is None:
            yield Key(
                path,
                _type(field.annotation, field.metadata) or "nothing",
                _default(field),
                field.is_required(),
                field.description or "",
            )
        for below, inner_model in inner:
            if inner_model not in (model, *within):
                yield from _keys(inner_model, f"{below}::", (*within, model))


def _unsupported(
    model: type[ComponentConfig], prefix: str, within: _Within
) -> Iterator[tuple[str, str]]:
    for key, reason in model.unsupported.items():
        yield prefix + key, reason
    for name, field in model.model_fields.items():
        for below, inner in _models(field.annotation, prefix + (field.alias or name)):
            if issubclass(inner, ComponentConfig) and inner not in (model, *within):
                yield from _unsupported(inner, f"{below}::", (*within, model))


def _models(annotation: Any, path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """The models that a field holds, with the paths of their places."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield path, annotation
        return
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in _LISTS:
        path = f"{path}[]"
    elif origin in (dict, Mapping):
        path, arguments = f"{path}::<name>", arguments[1:]
    for argument in arguments:
        yield from _models(argument, path)


def _type(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """What a person would call a field's type."""
    parsers = (getattr(each, "func", None) for each in metadata)
    if name := next((_PARSERS[parser] for parser in parsers if parser in _PARSERS), ""):
        return name
    if annotation in _NAMES:
        return _NAMES[annotation]
    if isinstance(annotation, type) and not get_args(annotation):
        return _class_type(annotation)
    arguments = get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _type(arguments[0], annotation.__metadata__)
    return _generic_type(get_origin(annotation), arguments)


def _class_type(annotation: type) -> str:
    if issubclass(annotation, Enum):
        return " | ".join(str(member.value) for member in annotation)
    return "mapping" if issubclass(annotation, BaseModel) else "text"


def _generic_type(origin: Any, arguments: Sequence[Any]) -> str:
    if origin is Literal:
        return " | ".join(str(value) for value in arguments if value != "")
    if origin in _LISTS:
        return f"list of {_type(arguments[0])}"
    if origin in (dict, Mapping):
        return f"mapping to {_type(arguments[1])}"
    return " or ".join(dict.fromkeys(filter(None, map(_type, arguments))))


def _default(field: FieldInfo) -> str:
    """A field's default as a configuration would have it; empty where it has none to show."""
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, float) and "duration" in _type(field.annotation, field.metadata):
        return f"{value:g}s"
    if value is PydanticUndefined or value is None or isinstance(value, BaseModel):
        return ""
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{', '.join(map(str, value))}]"
    text = str(value.value if isinstance(value, Enum) else value)
    return text.lower() if isinstance(value, bool) else text
