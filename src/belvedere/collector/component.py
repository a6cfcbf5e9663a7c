"""The contract of every component of a pipeline, after the OpenTelemetry Collector's `component`.

A component is one file with a frozen `Config` and one class, registered under its OpenTelemetry
type name (see `registry.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from belvedere.otlp.batch import Batch


class ComponentConfig(BaseModel):
    """Base of every component's configuration: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    unsupported: ClassVar[Mapping[str, str]] = {}
    """Keys of the official component that are refused by name: key → why, and what to do."""

    @model_validator(mode="before")
    @classmethod
    def _refuses_unsupported(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for key, reason in cls.unsupported.items():
                if key in value:
                    raise PydanticCustomError(
                        "unsupported_key", "not supported: {reason}", {"key": key, "reason": reason}
                    )
        return value


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
