"""`Batch`, the currency of the pipeline: serialized OTLP, parsed where someone looks inside."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from belvedere.otlp.signal import ExportRequest, Signal

DEFAULT_PROJECT = "default"

_KEEP_PARSED_BYTES: Final = 1 << 20
"""A parsed request needs several times its size, so that of a large one is not kept for long."""

CLIENT_ADDRESS = ":client.address"
"""In a batch's metadata, the IP address that the request came from. No header is called so."""

_PROJECT_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OF_CLICKHOUSE: Final = frozenset(
    {"system", "information_schema", "INFORMATION_SCHEMA", "_temporary_and_external_tables"}
)

PROJECT_NAME_RULE: Final = "1 to 64 of A-Z a-z 0-9 _ -, and not a name that ClickHouse reserves"


def is_project_name(name: str) -> bool:
    """Whether a project may be called so: it becomes the name of a database."""
    return _PROJECT_NAME.fullmatch(name) is not None and name not in _OF_CLICKHOUSE


@dataclass(slots=True)
class Batch:
    """Some telemetry of one signal and one project, on its way through a pipeline.

    Two serialized requests, one after the other, are one valid request with the contents of both
    (protobuf merges repeated fields), so batches join without being parsed.

    A batch is owned by whoever holds it last: `consume` takes it over, and a component that
    wants to change a batch which it also hands to someone else makes a new one first.
    """

    signal: Signal
    data: bytes
    """The serialized `Export*ServiceRequest`: valid protobuf, which its maker has made sure of."""
    items: int
    """Spans, metric data points or log records in `data`."""
    project: str = DEFAULT_PROJECT
    metadata: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The client's request headers (lower-case names), for components that route by them; and its
    address, as `CLIENT_ADDRESS`."""
    _message: ExportRequest | None = field(default=None, repr=False, compare=False)
    _is_shared: bool = field(default=False, repr=False, compare=False)
    """Whether others have the same parsed request."""

    @classmethod
    def of(
        cls,
        signal: Signal,
        message: ExportRequest,
        *,
        project: str = DEFAULT_PROJECT,
        metadata: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Self:
        """Serialize `message` into a batch that counts its items."""
        return cls(
            signal,
            message.SerializeToString(),
            count_items(message),
            project,
            metadata or {},
            message,
        )

    @classmethod
    def joined(cls, batches: Iterable[Self]) -> Self:
        """One batch with the contents of all: they share signal, project and metadata.

        The batches stay what they are.

        Raises:
            ValueError: there is no batch.
        """
        parts = list(batches)
        if not parts:
            raise ValueError("nothing to join")
        if len(parts) == 1:
            return parts[0].shared()
        first = parts[0]
        return cls(
            first.signal,
            b"".join(part.data for part in parts),
            sum(part.items for part in parts),
            first.project,
            first.metadata,
        )

    def with_data(self, data: bytes) -> Self:
        """The same items, whose bytes are others now."""
        return type(self)(self.signal, data, self.items, self.project, self.metadata)

    @property
    def message(self) -> ExportRequest:
        """The parsed request, parsed once. Read it only: to change it, take it."""
        if self._message is None:
            self._message = self.signal.request_type.FromString(self.data)
        return self._message

    def take_message(self) -> ExportRequest:
        """The parsed request, to be changed: it is the caller's alone.

        The batch stays what it was, so that it can be sent again.
        """
        message = self._message
        if message is None or self._is_shared:
            return self.signal.request_type.FromString(self.data)
        self._message = None
        return message

    def give_back(self, message: ExportRequest) -> None:
        """Return the request that was taken, unchanged, for whoever is next."""
        self._message = message

    def shared(self) -> Self:
        """The same batch for one of several holders: the parsed request is nobody's to change."""
        return replace(self, _is_shared=True)

    def forget_large(self) -> None:
        """Keep of a large request its bytes alone: for whoever holds batches that wait."""
        if len(self.data) > _KEEP_PARSED_BYTES:
            self._message = None


def items_by_signal(batches: Iterable[Batch]) -> dict[Signal, int]:
    """How many items batches have together, of each signal that is among them."""
    items: dict[Signal, int] = {}
    for batch in batches:
        items[batch.signal] = items.get(batch.signal, 0) + batch.items
    return items


def count_items(message: ExportRequest) -> int:
    """Spans, data points or log records in a parsed request."""
    if isinstance(message, ExportTraceServiceRequest):
        return sum(len(s.spans) for r in message.resource_spans for s in r.scope_spans)
    if isinstance(message, ExportLogsServiceRequest):
        return sum(len(s.log_records) for r in message.resource_logs for s in r.scope_logs)
    return sum(
        len(getattr(metric, kind).data_points)
        for r in message.resource_metrics
        for s in r.scope_metrics
        for metric in s.metrics
        if (kind := metric.WhichOneof("data"))
    )
