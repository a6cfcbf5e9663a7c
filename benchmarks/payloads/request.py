"""What the payloads share: records of several services as one serialized request.

Serialized messages of a type, one after another, are one message. So each part is serialized by
the official messages, once where it repeats, and a request is put together from the parts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from belvedere.otlp.varint import write_varint

_FIRST_FIELD, _SECOND_FIELD = b"\x0a", b"\x12"
"""Tags of the fields 1 and 2, with a length: resources, scopes and records in all signals."""


@dataclass(frozen=True, slots=True)
class Times:
    """When records happened: the first, and how far apart they are."""

    begin_ns: int
    step_ns: int

    def of(self, sequence: int) -> int:
        """Nanoseconds since 1970 of a record."""
        return self.begin_ns + sequence * self.step_ns


def attribute(key: str, value: str | int) -> KeyValue:
    """An attribute."""
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


def resource(service: str) -> Resource:
    """The resource of a service: six attributes."""
    return Resource(
        attributes=[
            attribute("service.name", service),
            attribute("service.version", "1.4.2"),
            attribute("service.instance.id", f"{service}-7d9f8b6c5-x2x9z"),
            attribute("deployment.environment.name", "production"),
            attribute("host.name", "node-3.eu-central-1.compute.internal"),
            attribute("telemetry.sdk.language", "python"),
        ]
    )


def scope(service: str) -> InstrumentationScope:
    """The scope of all records of a service."""
    return InstrumentationScope(name=f"shop.{service}", version="2.1.0")


class Services:
    """Serialized resources and scopes. They have the same field numbers in all three signals."""

    def __init__(self, names: Iterable[str]) -> None:
        self._heads = {
            name: (
                ResourceSpans(resource=resource(name)).SerializeToString(),
                ScopeSpans(scope=scope(name)).SerializeToString(),
            )
            for name in names
        }

    def request(self, records: Mapping[str, list[bytes]]) -> bytes:
        """One request with the serialized records of each service."""
        parts = []
        for service, items in records.items():
            resource_head, scope_head = self._heads[service]
            body = b"".join(_SECOND_FIELD + write_varint(len(item)) + item for item in items)
            scoped = scope_head + body
            whole = resource_head + _SECOND_FIELD + write_varint(len(scoped)) + scoped
            parts.append(_FIRST_FIELD + write_varint(len(whole)) + whole)
        return b"".join(parts)
