"""OTLP messages as text for people: ids in hex, times as dates, attributes as key=value."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal


def one_line_each(batch: Batch) -> str:
    """A line for each span, data point or log record."""
    return "\n".join(_LINES[batch.signal](batch.message))


def detailed(message: Message) -> str:
    """Every field that is set, nested ones indented."""
    return "\n".join(_fields(message, ""))


def value_text(value: Any) -> str:
    """An `AnyValue`; nested ones in brackets."""
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    inner = getattr(value, kind)
    if kind == "array_value":
        return f"[{', '.join(value_text(each) for each in inner.values)}]"
    if kind == "kvlist_value":
        return f"{{{_attributes(inner.values)}}}"
    return inner.hex() if isinstance(inner, bytes) else str(inner)


def _attributes(pairs: Any) -> str:
    return " ".join(f"{pair.key}={value_text(pair.value)}" for pair in pairs)


def _time(time_unix_ns: int) -> str:
    """A date with all nine digits of its nanoseconds; the number itself beyond all calendars."""
    seconds, rest_ns = divmod(time_unix_ns, 10**9)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns:09}Z"
    except (ValueError, OverflowError, OSError):
        return str(time_unix_ns)


def _span_lines(message: Any) -> Iterator[str]:
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                start = [span.name, span.trace_id.hex(), span.span_id.hex()]
                yield " ".join([*start, _attributes(span.attributes)]).rstrip()


def _log_lines(message: Any) -> Iterator[str]:
    for resource in message.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                text = [_time(record.time_unix_nano or record.observed_time_unix_nano)]
                text += [record.severity_text, value_text(record.body)]
                yield " ".join(part for part in [*text, _attributes(record.attributes)] if part)


def _metric_lines(message: Any) -> Iterator[str]:
    for resource in message.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points if kind else ():
                    yield f"{metric.name}{{{_attributes(point.attributes)}}} {_point(point)}"


def _point(point: Any) -> str:
    """The value of a number point; count and sum of the others."""
    if not hasattr(point, "count"):
        kind = point.WhichOneof("value")
        return str(getattr(point, kind)) if kind else "no value"
    return f"count={point.count} sum={point.sum:g}"


_LINES = {Signal.TRACES: _span_lines, Signal.METRICS: _metric_lines, Signal.LOGS: _log_lines}


def _fields(message: Any, indent: str) -> Iterator[str]:
    for descriptor, content in message.ListFields():
        for value in content if descriptor.is_repeated else [content]:
            if descriptor.type != FieldDescriptor.TYPE_MESSAGE:
                yield f"{indent}{descriptor.name}: {_scalar(descriptor, value)}"
            elif descriptor.message_type.name == "KeyValue":
                yield f"{indent}{descriptor.name}: {value.key}={value_text(value.value)}"
            elif descriptor.message_type.name == "AnyValue":
                yield f"{indent}{descriptor.name}: {value_text(value)}"
            else:
                yield f"{indent}{descriptor.name}:"
                yield from _fields(value, indent + "  ")


def _scalar(descriptor: FieldDescriptor, value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if descriptor.name.endswith("time_unix_nano"):
        return _time(value)
    if descriptor.enum_type is not None:
        known = descriptor.enum_type.values_by_number.get(value)
        return known.name if known else str(value)
    return str(value)
