"""A pydantic model from a part of a configuration tree; its complaints become `ConfigError`s."""

import copy
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from belvedere.collector.errors import ConfigError
from belvedere.collector.tree import KeyPath, Tree, nearest

Model = TypeVar("Model", bound=BaseModel)

_EXPECTED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "a mapping is expected"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type"), "a list is expected"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number is expected"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number is expected"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false is expected"),
}
"""What pydantic says in Python's words → in YAML's."""


def validated(model: type[Model], tree: Tree, path: KeyPath) -> Model:
    """The part of `tree` at `path` as a `model`. Nothing written there (null) means all defaults.

    A field that wants text and has one whole reference to a variable gets the variable's text,
    be it a number in YAML or not: a password `0123` stays that.

    Raises:
        ConfigError: the first complaint in the order of lines, with key, line and a hint.
    """
    value = tree.get(path)
    if value is None:
        value = {}
    try:
        return model.model_validate(value)
    except ValidationError as error:
        if (corrected := _with_texts(value, error, tree, path)) is None:
            raise _first(error, model, value, tree, path) from error
    try:
        return model.model_validate(corrected)
    except ValidationError as error:
        raise _first(error, model, value, tree, path) from error


def _with_texts(value: Any, error: ValidationError, tree: Tree, path: KeyPath) -> Any:
    """A copy of `value` with the texts of variables where text is wanted; None: it changes nothing.

    What came out of one variable as a whole list or mapping has no texts of its own.
    """
    result = None
    for complaint in error.errors(include_url=False):
        if complaint["type"] != "string_type":
            continue
        inner = _existing(value, complaint["loc"])
        text = tree.from_environment.get((*path, *inner))
        if text is not None and inner:
            result = copy.deepcopy(value) if result is None else result
            holder = result
            for key in inner[:-1]:
                holder = holder[key]
            holder[inner[-1]] = text
    return result


def _first(
    error: ValidationError, model: type[BaseModel], value: Any, tree: Tree, path: KeyPath
) -> ConfigError:
    found = [
        _config_error(complaint, model, value, tree, path)
        for complaint in error.errors(include_url=False)
    ]
    return min(found, key=lambda each: each.line or 0)


def _config_error(
    complaint: ErrorDetails, model: type[BaseModel], value: Any, tree: Tree, path: KeyPath
) -> ConfigError:
    location = complaint["loc"]
    inner = _existing(value, location)
    kind = complaint["type"]
    if kind == "extra_forbidden":
        known = _known_keys(model, inner[:-1])
        return tree.error((*path, *inner), "there is no such key", nearest(str(inner[-1]), known))
    if kind == "missing":
        return tree.error((*path, *inner, location[-1]), "this key is required")
    if kind == "unsupported_key":
        return tree.error((*path, *inner, complaint["ctx"]["key"]), complaint["msg"])
    if kind == "string_type":
        hint = "write it in quotes" if isinstance(complaint["input"], int | float) else ""
        return tree.error((*path, *inner), f"text is expected, not {complaint['input']!r}", hint)
    if complaint["input"] is None:
        variable = (*path, *inner) in tree.from_environment
        hint = "the variable is empty, or not set" if variable else "write one, or remove the key"
        return tree.error((*path, *inner), "a value is expected, there is none", hint)
    message = _EXPECTED.get(kind) or complaint["msg"].removeprefix("Value error, ")
    shown = complaint["input"]
    if kind != "value_error" and isinstance(shown, str | int | float):
        message = f"{message}, not {shown!r}"
    if _SENTENCE.match(message):
        message = message[:1].lower() + message[1:]
    return tree.error((*path, *inner), message)


_SENTENCE = re.compile(r"[A-Z][a-z]*\s")
"""A capital that only begins a sentence, as pydantic's messages: not that of `EXPR(...)`."""


def _existing(value: Any, location: KeyPath) -> KeyPath:
    """The part of a pydantic location that is written in `value`: no union tags, no missing key."""
    inner: list[str | int] = []
    for key in location:
        if isinstance(value, list):
            there = key in range(len(value))
        else:
            there = isinstance(value, dict) and key in value
        if there:
            value = value[key]
            inner.append(key)
    return tuple(inner)


def _known_keys(model: type[BaseModel], inner: KeyPath) -> set[str]:
    """The keys of the model that stands at `inner` within `model`."""
    models = [model]
    for key in inner:
        annotations = [
            field.annotation
            for each in models
            for name, field in each.model_fields.items()
            if (field.alias or name) == key
        ]
        if annotations:
            models = [each for annotation in annotations for each in _models_in(annotation)]
    return {field.alias or name for each in models for name, field in each.model_fields.items()}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation like `dict[str, Model | None]` names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
