"""`AppState`: what the server hands to the API."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from belvedere.collector.errors import Retryable
from belvedere.otlp.batch import DEFAULT_PROJECT, Batch
from belvedere.query.promql.engine import Engine
from belvedere.rules.evaluation.group import Group
from belvedere.store.database import Database
from belvedere.store.rejected import Rejected

if TYPE_CHECKING:  # most servers scrape nothing
    from belvedere.collector.receivers.prometheus.receiver import Targets


class StoreWriter(Protocol):
    """Takes data for the store; the exporter `belvedere` is one."""

    async def consume(self, batch: Batch) -> None:
        """See `Consumer.consume`; accepted means on disk."""
        ...

    def problem(self) -> str:
        """Why data is not accepted or not stored, as a sentence: '' if it is."""
        ...

    async def rejected(self, project: str | None = None) -> list[Rejected]:
        """What the store could not read, oldest first."""
        ...

    async def replay(self, entry: Rejected) -> None:
        """Put what was rejected into the queue again. Raises `OSError` if it cannot be."""
        ...

    async def append_points(self, project: str, points: bytes, items: int) -> None:
        """The same for Prometheus series, as `prometheus.points` serializes them."""
        ...


def _no_writer() -> StoreWriter:
    raise Retryable("data cannot be taken yet: the server starts, or has no store of its own")


@dataclass(frozen=True, slots=True)
class LastReload:
    """How reading the rule files went."""

    is_successful: bool = True
    """Of the last time."""
    loaded_s: float | None = None
    """Unix time of what runs now; None: it was read at the start."""


async def _nothing_to_reload() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class AppState:
    """What the API answers from. Owned by the server, which closes the database after the API."""

    database: Database
    default_project: str = DEFAULT_PROJECT
    """The project of requests that name none."""
    tokens: Mapping[str, str] = field(default_factory=dict)
    """Bearer token → the one project it opens, or `*` for all. Empty: no token is required."""
    problem: Callable[[], str] = str
    """Why data cannot be received, stored or read, as a sentence: '' if it can. Called often, from
    the event loop: must not block."""
    store_writer: Callable[[], StoreWriter] = _no_writer
    """Takes what clients of the API send. Raises `Retryable` while there is none."""
    engine: Engine = field(default_factory=Engine)
    """Evaluates PromQL."""
    targets: Callable[[], "Sequence[Targets]"] = tuple
    """What the receivers `prometheus` of this process scrape, and how that goes."""
    rule_groups: Callable[[str], Sequence[Group]] = lambda _: ()
    """The groups of rules of a project. Must not block."""
    alertmanagers: Callable[[], Sequence[str]] = lambda: ()
    """URLs of the Alertmanagers that alerts are sent to. Must not block."""
    reload: Callable[[], Awaitable[bool]] = _nothing_to_reload
    """Reads the rule files again; whether they could be used."""
    last_reload: Callable[[], LastReload] = LastReload
    """Must not block."""
    flags: Mapping[str, str] = field(default_factory=dict)
    """Prometheus's command-line flags that have a meaning here, and their values."""
    prometheus_config: Callable[[str], Mapping[str, Any]] = lambda _: {}
    """What a project has of a Prometheus configuration, without secrets. Must not block."""
    status_parts: Callable[[], Mapping[str, Any]] = dict
    """What only the server knows, for `/api/status`: `data_dir`, `listening` (what → address) and
    whatever else is worth saying. Must not block."""
