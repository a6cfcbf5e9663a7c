"""Resources and instrumentation scopes: what OTLP says once for many records."""

from collections.abc import Iterable
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from belvedere.sdk.export.attributes import AttributeEncoder
from belvedere.sdk.export.wire import length_delimited

_RESOURCE_ATTRIBUTES: Final = AttributeEncoder(b"\x0a")
_SCOPE_ATTRIBUTES: Final = AttributeEncoder(b"\x1a")
_REMEMBERED: Final = 256


class _ByIdentity:
    """Bytes of objects that live long and are costly to compare: found by identity."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, bytes]] = {}

    def get(self, subject: object) -> bytes | None:
        found = self._known.get(id(subject))
        return found[1] if found is not None else None

    def put(self, subject: object, encoded: bytes) -> bytes:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[id(subject)] = (subject, encoded)  # kept alive, so that the id stays its own
        return encoded


_resources: Final = _ByIdentity()
_scopes: Final = _ByIdentity()


def group_key(resource: Resource, scope: InstrumentationScope | None) -> tuple[bytes, bytes]:
    """What a record's group is known by: its encoded resource and scope with their schema URLs."""
    return (
        _resources.get(resource) or _resources.put(resource, _encode_resource(resource)),
        _scopes.get(scope) or _scopes.put(scope, _encode_scope(scope)),
    )


def _encode_resource(resource: Resource) -> bytes:
    parts: list[bytes] = []
    _RESOURCE_ATTRIBUTES.encode(resource.attributes, parts)
    encoded = length_delimited(b"\x0a", b"".join(parts))
    if resource.schema_url:
        encoded += length_delimited(b"\x1a", resource.schema_url.encode())
    return encoded


def _encode_scope(scope: InstrumentationScope | None) -> bytes:
    if scope is None:
        return b"\x0a\x00"
    parts: list[bytes] = []
    if scope.name:
        parts.append(length_delimited(b"\x0a", scope.name.encode()))
    if scope.version:
        parts.append(length_delimited(b"\x12", scope.version.encode()))
    _SCOPE_ATTRIBUTES.encode(scope.attributes, parts)
    encoded = length_delimited(b"\x0a", b"".join(parts))
    if scope.schema_url:
        encoded += length_delimited(b"\x1a", scope.schema_url.encode())
    return encoded


def request(groups: dict[tuple[bytes, bytes], list[bytes]]) -> bytes:
    """An `Export*ServiceRequest`, whose three kinds share their field numbers.

    Args:
        groups: `group_key` → the encoded record fields (number 2, with their tags).
    """
    by_resource: dict[bytes, list[bytes]] = {}
    for (resource, scope), records in groups.items():
        by_resource.setdefault(resource, []).append(_message(scope, records))
    return b"".join(
        length_delimited(b"\x0a", resource + b"".join(scopes))
        for resource, scopes in by_resource.items()
    )


def _message(scope: bytes, records: Iterable[bytes]) -> bytes:
    return length_delimited(b"\x12", scope + b"".join(records))
