"""A stand-in for Loki's push API (Loki cannot be had as a package): decodes what it documents."""

import gzip
from dataclasses import dataclass
from typing import Any

import cramjam
import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from otlp_peers import HttpPeer, Received

from belvedere.collector.exporters.loki.logproto import PushRequest
from belvedere.otlp.any_value import any_value
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

Streams = dict[str, list[tuple[int, str]]]
"""Labels as text → entries: time in ns and line."""


@dataclass
class LokiPeer(HttpPeer):
    """Takes pushes; `message` of what it received are `Streams`."""

    def understand(self, path: str, headers: dict[str, str], body: bytes) -> Received:
        decode = {"application/x-protobuf": _protobuf, "application/json": _json}
        return Received(Signal.LOGS, decode[headers["content-type"]](body), headers, path)


def _protobuf(body: bytes) -> Streams:
    request = PushRequest.FromString(bytes(cramjam.snappy.decompress_raw(body)))
    return {
        stream.labels: [
            (entry.timestamp.seconds * 10**9 + entry.timestamp.nanos, entry.line)
            for entry in stream.entries
        ]
        for stream in request.streams
    }


def _json(body: bytes) -> Streams:
    if body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    return {
        "{" + ", ".join(f'{k}="{v}"' for k, v in sorted(stream["stream"].items())) + "}": [
            (int(time_ns), line) for time_ns, line in stream["values"]
        ]
        for stream in orjson.loads(body)["streams"]
    }


def logs(
    *records: dict[str, Any], resource: dict[str, Any] | None = None, scope: str = ""
) -> Batch:
    """Records of one resource; `body` and `attributes` are plain values, the rest are fields."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    for key, value in (resource or {}).items():
        resource_logs.resource.attributes.add(key=key, value=any_value(value))
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = scope
    for fields in records:
        record = scope_logs.log_records.add()
        for key, value in fields.items():
            if key == "body":
                record.body.CopyFrom(any_value(value))
            elif key == "attributes":
                for name, attribute in value.items():
                    record.attributes.add(key=name, value=any_value(attribute))
            else:
                setattr(record, key, value)
    return Batch.of(Signal.LOGS, request)
