"""The contract of every component of a pipeline, after the OpenTelemetry Collector's `component`.

A component is one file with a frozen `Config` and one class, registered under its OpenTelemetry
type name (see `registry.py`).
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Final, Protocol, get_args, get_origin

import structlog
from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from belvedere.otlp.batch import Batch

log = structlog.get_logger(__name__)


class ComponentConfig(BaseModel):
    """Base of every component's configuration: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    unsupported: ClassVar[Mapping[str, str]] = {}
    """Keys of the official component that are refused by name: key → why, and what to do."""

    done_anyway: ClassVar[Mapping[str, Any]] = {}
    """Of those keys, the value that asks for what is done anyway, and so is taken. Without an entry
    it is whatever switches off: false, nothing, `enabled: false`."""

    without_effect: ClassVar[Mapping[str, str]] = {}
    """Keys that have no effect in the official component, either: key → what has. Each is told."""

    @model_validator(mode="before")
    @classmethod
    def _refuses_unsupported(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for key, reason in cls.unsupported.items():
            if key in value and not cls._is_done_anyway(key, value[key]):
                raise PydanticCustomError(
                    "unsupported_key", "not supported: {reason}", {"key": key, "reason": reason}
                )
        for key, instead in cls.without_effect.items():
            if key in value:
                log.warning("key_without_effect", key=key, instead=instead)
        ignored = cls.unsupported.keys() | cls.without_effect.keys()
        return {key: inner for key, inner in value.items() if key not in ignored}

    @classmethod
    def _is_done_anyway(cls, key: str, value: Any) -> bool:
        if key in cls.done_anyway:
            return bool(value == cls.done_anyway[key])
        return value in _OFF

    @model_validator(mode="before")
    @classmethod
    def _reads_one_text_as_list(cls, value: Any) -> Any:
        """Where a list of texts is expected, `a,b` is one of two, as for the Go Collector."""
        if isinstance(value, dict):
            texts = {key: value[key] for key in _text_lists(cls) if type(value.get(key)) is str}
            if texts:
                return value | {key: text.split(",") if text else [] for key, text in texts.items()}
        return value

    @model_validator(mode="before")
    @classmethod
    def _nothing_written_means_defaults(cls, value: Any) -> Any:
        """A mapping or list all of whose lines are commented out: `sending_queue:`."""
        if not isinstance(value, dict) or None not in value.values():
            return value
        empty = {
            key
            for name, field in cls.model_fields.items()
            if value.get(key := field.alias or name, ...) is None and _holds_more(field.annotation)
        }
        return {key: inner for key, inner in value.items() if key not in empty}


_OFF: Final[tuple[Any, ...]] = (None, False, "", "0s", [], {}, {"enabled": False})
_HOLDING: Final = (BaseModel, Mapping, Sequence, AbstractSet)


def _holds_more(annotation: Any) -> bool:
    """Whether a field is a mapping or a list, and never None."""
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, _HOLDING) and kind is not str


@cache
def _text_lists(config: type[ComponentConfig]) -> frozenset[str]:
    """The keys of a configuration that take lists of texts."""
    return frozenset(
        field.alias or name
        for name, field in config.model_fields.items()
        if get_origin(field.annotation) in (list, tuple)
        and str in (inner := get_args(field.annotation)[0], *get_args(inner)[:1])
    )


class Consumer(Protocol):
    """Whatever takes batches: a processor, an exporter, or the fan-out before several of them."""

    async def consume(self, batch: Batch) -> None:
        """Take `batch` over.

        Returns when what follows has accepted the batch; for the last in line that means it is
        on disk or with the peer. Any number of calls may run at once.

        Raises:
            Retryable: not accepted now; the caller still owns the batch and may try again.
            Permanent: never to be accepted.
        """
        ...


class Component(Protocol):
    """A part of a running Collector. All calls come from its one event loop."""

    async def start(self) -> None:
        """Begin to work. Called once; exporters start first, receivers last.

        Raises:
            ConfigError: what the configuration asks for cannot be had (a port is taken, ...).
        """
        ...

    async def shutdown(self) -> None:
        """Stop taking work, hand on or keep what is held, free everything.

        Safe before `start` and when repeated. Receivers stop first, so everything downstream
        still works while a component flushes.
        """
        ...


@dataclass(frozen=True, slots=True)
class Host:
    """What a component may ask of the process that it runs in."""

    component_id: str
    """The id in the configuration: `type` or `type/name`."""
    services: Mapping[type[Any], Any] = field(default_factory=dict)
    """Objects the process shares with its components, by their type (the store's Database)."""
    extensions: Mapping[str, Component] = field(default_factory=dict)
    """Running extensions by their id, for authenticators and storage."""
    pipeline: str = ""
    """Of a processor, the id of its pipeline."""
    leads_to: Sequence[Component] = ()
    """Of a processor, the exporters by whose acceptance its batches are acknowledged: those behind
    it, through processors and connectors, except behind one that `acknowledges_early`."""

    @property
    def place(self) -> str:
        """The component's place in the graph: an id that no other component has."""
        return f"{self.pipeline}::{self.component_id}" if self.pipeline else self.component_id

    @property
    def leads_to_durable(self) -> bool:
        """Whether what is accepted behind a processor is kept, by at least one exporter."""
        return any(getattr(exporter, "durable", False) for exporter in self.leads_to)
