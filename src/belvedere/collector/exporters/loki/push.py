"""From log records to the bodies of push requests."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import cramjam
import orjson

from belvedere.collector.exporters.loki.labels import (
    HINTS,
    Attributes,
    DefaultLabels,
    by_key,
    format_of,
    labels_of,
    loki_name,
    selector,
    tenant_of,
    with_level,
)
from belvedere.collector.exporters.loki.line import WRITERS
from belvedere.collector.exporters.loki.logproto import PushRequest

_NO_LABELS: Final = (
    "they have no label; set default_labels_enabled or the hint loki.attribute.labels"
)
_NO_FORMAT: Final = f"their loki.format is none of {', '.join(WRITERS)}"


@dataclass(slots=True)
class Stream:
    """Entries with the same labels."""

    labels: Mapping[str, str]
    entries: list[tuple[int, str]] = field(default_factory=list)
    """Time in ns since 1970, and line."""


@dataclass(slots=True)
class Push:
    """What one tenant gets."""

    streams: dict[str, Stream] = field(default_factory=dict)
    """By their selector."""

    def add(self, attributes: Mapping[str, str], time_ns: int, line: str) -> None:
        """Add an entry with these labels, whose names need not be fit for Loki."""
        labels = {loki_name(name): attributes[name] for name in sorted(attributes)}
        stream = self.streams.setdefault(selector(labels), Stream(labels))
        stream.entries.append((time_ns, line))

    @property
    def entries(self) -> int:
        """Log records in it."""
        return sum(len(stream.entries) for stream in self.streams.values())


@dataclass(slots=True)
class Pushes:
    """A batch, as Loki takes it."""

    tenants: dict[str, Push] = field(default_factory=dict)
    """By their name; empty: whatever tenant the configured headers name."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Reason → records that Loki cannot take."""


def pushes_of(message: Any, enabled: DefaultLabels, now_ns: int) -> Pushes:
    """The records of an `ExportLogsServiceRequest`, by tenant and stream.

    A record without any label, or with an unknown `loki.format`, is dropped. `now_ns` is the time
    of records that have none.
    """
    pushes = Pushes()
    for resource_logs in message.resource_logs:
        resource = by_key(resource_logs.resource.attributes)
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                attributes = by_key(record.attributes)
                if enabled.level:
                    attributes = with_level(attributes, record.severity_number)
                chosen = labels_of(attributes, resource, enabled)
                line = _line(record, attributes, resource, scope_logs.scope, chosen)
                if not chosen or line is None:
                    pushes.dropped[_NO_FORMAT if line is None else _NO_LABELS] += 1
                    continue
                time_ns = record.time_unix_nano or record.observed_time_unix_nano or now_ns
                push = pushes.tenants.setdefault(tenant_of(attributes, resource), Push())
                push.add(chosen, time_ns, line)
    return pushes


def _line(
    record: Any, attributes: Attributes, resource: Attributes, scope: Any, labels: Iterable[str]
) -> str | None:
    """A record's line, without hints and what is a label; None: its format is unknown."""
    writer = WRITERS.get(format_of(attributes, resource))
    taken = HINTS.union(labels)
    return writer and writer(record, _without(attributes, taken), _without(resource, taken), scope)


def _without(attributes: Attributes, taken: frozenset[str]) -> Attributes:
    return {key: value for key, value in attributes.items() if key not in taken}


def protobuf_body(push: Push) -> bytes:
    """A `logproto.PushRequest`, compressed with snappy."""
    request = PushRequest()
    for labels, stream in push.streams.items():
        adapter = request.streams.add(labels=labels)
        for time_ns, line in stream.entries:
            seconds, nanos = divmod(time_ns, 1_000_000_000)
            adapter.entries.add(line=line, timestamp={"seconds": seconds, "nanos": nanos})
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def json_body(push: Push) -> bytes:
    """The JSON form: times are strings of ns."""
    streams = [
        {
            "stream": stream.labels,
            "values": [(str(time_ns), line) for time_ns, line in stream.entries],
        }
        for stream in push.streams.values()
    ]
    return orjson.dumps({"streams": streams})


BODIES: Final[Mapping[str, tuple[str, Callable[[Push], bytes]]]] = {
    "protobuf": ("application/x-protobuf", protobuf_body),
    "json": ("application/json", json_body),
}
"""Encoding → content type, and what makes the body."""
