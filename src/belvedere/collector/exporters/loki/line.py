"""The line of a log record: one function for each value of the hint `loki.format`."""

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from belvedere.collector.exporters.loki import logfmt
from belvedere.collector.exporters.loki.labels import Attributes
from belvedere.otlp.any_value import plain_value, text_of

Writer = Callable[[LogRecord, Attributes, Attributes, InstrumentationScope], str]
"""From a record, its attributes, its resource's (without hints and labels) and its scope."""


def json_line(
    record: LogRecord, attributes: Attributes, resource: Attributes, scope: InstrumentationScope
) -> str:
    """All of a record as JSON; what is empty is left out."""
    line: dict[str, Any] = {
        "body": plain_value(record.body) if record.body.WhichOneof("value") else None,
        "traceid": record.trace_id.hex() if any(record.trace_id) else "",
        "spanid": record.span_id.hex() if any(record.span_id) else "",
        "severity": record.severity_text,
        "flags": record.flags,
        "attributes": _sorted(attributes),
        "resources": _sorted(resource),
        "instrumentation_scope": _scope(scope),
    }
    kept = {
        key: value for key, value in line.items() if value or (key == "body" and value is not None)
    }
    return orjson.dumps(kept).decode()


def logfmt_line(
    record: LogRecord, attributes: Attributes, resource: Attributes, scope: InstrumentationScope
) -> str:
    """All of a record as logfmt.

    A body that is one line of logfmt is taken as such (upstream, of several lines the first: the
    others would be lost); any other is `msg`. Lists and maps become a key for each element.
    """
    pairs = dict(_body_pairs(record.body))
    if any(record.trace_id):
        pairs["traceID"] = record.trace_id.hex()
    if any(record.span_id):
        pairs["spanID"] = record.span_id.hex()
    if record.severity_text:
        pairs["severity"] = record.severity_text
    if record.flags:
        pairs["flags"] = str(record.flags)
    for prefix, values in (("attribute", attributes), ("resource", resource)):
        for key, value in values.items():
            pairs.update(_pairs(f"{prefix}_{key}", value))
    pairs |= {f"instrumentation_scope_{key}": text for key, text in _scope(scope).items()}
    return logfmt.line_of(pairs.items())


def raw_line(
    record: LogRecord, _attributes: Attributes, _resource: Attributes, _scope: InstrumentationScope
) -> str:
    """The body's text alone."""
    return text_of(record.body)


WRITERS: Final[Mapping[str, Writer]] = {"json": json_line, "logfmt": logfmt_line, "raw": raw_line}
"""Value of `loki.format` → its writer."""


def _sorted(values: Attributes) -> dict[str, Any]:
    return {key: plain_value(values[key]) for key in sorted(values)}


def _scope(scope: InstrumentationScope) -> dict[str, str]:
    if not scope.name:
        return {}
    return {"name": scope.name} | ({"version": scope.version} if scope.version else {})


def _body_pairs(body: AnyValue) -> Iterator[logfmt.Pair]:
    kind = body.WhichOneof("value")
    if kind == "string_value":
        text = body.string_value
        parsed = None if "\n" in text.rstrip() else logfmt.parse(text)
        yield from [("msg", text)] if parsed is None else parsed
    else:
        yield from _pairs({"kvlist_value": "", "array_value": "body"}.get(kind or "", "msg"), body)


def _pairs(key: str, value: AnyValue) -> Iterator[logfmt.Pair]:
    prefix = f"{key}_" if key else ""
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        for pair in value.kvlist_value.values:
            yield from _pairs(prefix + pair.key, pair.value)
    elif kind == "array_value":
        for index, element in enumerate(value.array_value.values):
            yield from _pairs(f"{prefix}{index}", element)
    elif kind == "bytes_value":
        yield key, _bytes_text(value.bytes_value)
    elif kind:
        yield key, text_of(value)


def _bytes_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode()
