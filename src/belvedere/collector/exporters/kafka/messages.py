"""From a batch to messages: which topic, which key."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from belvedere.collector.exporters.kafka.config import KafkaConfig
from belvedere.otlp.any_value import text_of
from belvedere.otlp.batch import Batch
from belvedere.otlp.json_writer import json_bytes
from belvedere.otlp.levels import LEVELS
from belvedere.otlp.signal import Signal


@dataclass(frozen=True, slots=True)
class Message:
    """A message, before it is encoded."""

    topic: str
    key: bytes | None
    batch: Batch


def messages_of(batch: Batch, config: KafkaConfig) -> Iterator[Message]:
    """The messages of a batch. Without partitioning it is one, unparsed."""
    topic = config.topic_of(batch.signal)
    named = getattr(config, batch.signal).topic_from_metadata_key
    if named and (values := batch.metadata.get(named.lower())):
        topic = values[0]
    by_trace, by_resource = _keys(config, batch.signal)
    attribute = config.topic_from_attribute
    if not (by_trace or by_resource or attribute):
        yield Message(topic, None, batch)
        return
    groups: dict[tuple[str, bytes | None], Any] = {}
    levels = LEVELS[batch.signal]
    for resource in getattr(batch.message, levels.resources):
        own = _attribute(resource, attribute) or topic
        if not by_trace:
            key = _digest(resource) if by_resource else None
            request = groups.setdefault((own, key), batch.signal.request_type())
            getattr(request, levels.resources).add().CopyFrom(resource)
            continue
        for trace_id, part in _by_trace(resource, levels):
            request = groups.setdefault((own, trace_id), batch.signal.request_type())
            getattr(request, levels.resources).add().CopyFrom(part)
    for (own, key), request in groups.items():
        part = Batch.of(batch.signal, request, project=batch.project, metadata=batch.metadata)
        yield Message(own, key, part)


def encoded(batch: Batch, config: KafkaConfig) -> bytes:
    """The value of a message."""
    if config.encoding_of(batch.signal) == "otlp_json":
        return json_bytes(batch.message)
    return batch.data


def _keys(config: KafkaConfig, signal: Signal) -> tuple[bool, bool]:
    """Whether messages are by trace, and whether by resource."""
    if signal is Signal.TRACES:
        return config.partition_traces_by_id, False
    if signal is Signal.METRICS:
        return False, config.partition_metrics_by_resource_attributes
    return config.partition_logs_by_trace_id, config.partition_logs_by_resource_attributes


def _by_trace(resource: Any, levels: Any) -> Iterator[tuple[bytes | None, Any]]:
    """The resource with the records of each trace; the key is the id in hexadecimal."""
    found: dict[bytes, Any] = {}
    for scope in getattr(resource, levels.scopes):
        scopes: dict[bytes, Any] = {}
        for record in getattr(scope, levels.records):
            trace_id = record.trace_id
            into = scopes.get(trace_id)
            if into is None:
                part = found.get(trace_id)
                if part is None:
                    part = found[trace_id] = _envelope(resource)
                into = scopes[trace_id] = getattr(part, levels.scopes).add()
                into.scope.CopyFrom(scope.scope)
                into.schema_url = scope.schema_url
            getattr(into, levels.records).add().CopyFrom(record)
    for trace_id, part in found.items():
        yield trace_id.hex().encode() or None, part


def _envelope(resource: Any) -> Any:
    part = type(resource)()
    part.resource.CopyFrom(resource.resource)
    part.schema_url = resource.schema_url
    return part


def _attribute(resource: Any, name: str) -> str:
    if not name:
        return ""
    for pair in resource.resource.attributes:
        if pair.key == name:
            return text_of(pair.value)
    return ""


def _digest(resource: Any) -> bytes:
    """The same for resources with the same attributes, in any order."""
    digest = hashlib.blake2b(digest_size=16)
    for key, text in sorted(
        (pair.key, text_of(pair.value)) for pair in resource.resource.attributes
    ):
        for part in (key.encode(), text.encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()
