"""One action, as a configuration writes it."""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.regex import RegexText, compile_regex
from belvedere.otlp.any_value import any_value


class Verb(StrEnum):
    """What can be done to an attribute."""

    INSERT = "insert"
    UPDATE = "update"
    UPSERT = "upsert"
    DELETE = "delete"
    HASH = "hash"
    EXTRACT = "extract"
    CONVERT = "convert"


_SOURCES: Final = ("value", "from_attribute", "from_context")
_PUTS: Final = frozenset((*_SOURCES, "default_value"))
_USES: Final = {
    Verb.INSERT: _PUTS,
    Verb.UPDATE: _PUTS,
    Verb.UPSERT: _PUTS,
    Verb.DELETE: frozenset({"pattern"}),
    Verb.HASH: frozenset({"pattern"}),
    Verb.EXTRACT: frozenset({"pattern"}),
    Verb.CONVERT: frozenset({"converted_type"}),
}
"""The keys, besides `key`, that each verb knows."""


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class Action(ComponentConfig):
    """One entry of `actions` (of `resource`: of `attributes`)."""

    action: Annotated[Verb, BeforeValidator(_lower)] = Field(
        description="insert, update, upsert, delete, hash, extract or convert, in any case."
    )
    key: str = Field(
        "", description="The attribute to act upon; delete and hash may have a pattern instead."
    )
    value: Any = Field(None, description="The value to put there; YAML gives its type.")
    from_attribute: str = Field(
        "", description="The attribute whose value to put there; without it, nothing is done."
    )
    from_context: str = Field(
        "",
        description="The request header (metadata.NAME, or NAME) or client.address to put there;"
        " several values are joined by a semicolon.",
    )
    default_value: Any = Field(
        None, description="The value to put there when the source of the value is not there."
    )
    pattern: RegexText = Field(
        "",
        description="delete, hash: further attributes, by a part of their keys. extract: named"
        " groups, which become attributes.",
    )
    converted_type: Literal["", "int", "double", "string"] = Field(
        "", description="convert: the type that the value gets, if it can have it."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        verb = self.action
        used = {key for key in (*_PUTS, "pattern", "converted_type") if self._has(key)}
        if wrong := sorted(used - _USES[verb]):
            raise ValueError(f"{verb} does not use {' or '.join(wrong)}")
        if verb in (Verb.DELETE, Verb.HASH):
            if not self.key and not self.pattern:
                raise ValueError(f"{verb} needs a key or a pattern")
        elif not self.key:
            raise ValueError(f"{verb} needs a key")
        elif required := _missing(verb, used):
            raise ValueError(f"{verb} needs {required}")
        if len(sources := [key for key in _SOURCES if key in used]) > 1:
            raise ValueError(f"the value comes from one place, not from {' and '.join(sources)}")
        if self.from_context.startswith("auth."):
            raise ValueError("from_context: auth. is not supported: authenticators tell nothing")
        if verb is Verb.EXTRACT:
            _check_groups(self.pattern)
        any_value(self.value)
        any_value(self.default_value)
        return self

    def _has(self, key: str) -> bool:
        value = getattr(self, key)
        return value is not None if key in ("value", "default_value") else bool(value)


def _missing(verb: Verb, used: set[str]) -> str:
    """What a verb needs and does not have; "" is nothing."""
    needed = _USES[verb]
    if needed & used:
        return ""
    return (
        "value, from_attribute, from_context or default_value" if needed == _PUTS else min(needed)
    )


def _check_groups(pattern: str) -> None:
    compiled = compile_regex(pattern)
    if not compiled.groups or len(compiled.groupindex) < compiled.groups:
        raise ValueError(
            "each group of the pattern needs a name, and there must be one: (?P<name>)"
        )
