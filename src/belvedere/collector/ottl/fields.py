"""Which paths each context has. After the READMEs and sources of pkg/ottl/contexts."""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.paths import (
    Access,
    Field,
    Get,
    any_value,
    attributes,
    hexadecimal,
    identifier,
    messages,
    numbers,
    present,
    scalar,
    submessage,
)
from belvedere.collector.ottl.record import Context, Record, data_points
from belvedere.collector.ottl.trace_state import trace_state
from belvedere.collector.ottl.values import Time, as_text, read, type_name


def _times(prefix: str, **names: str) -> Iterator[tuple[str, Field]]:
    """Fields of nanoseconds, and beside each the same as a time: `start_time`."""
    for name, field in names.items():
        path = f"{prefix}.{field}"
        yield field, scalar(path, int)
        yield name, _time(path)


def _time(path: str) -> Field:
    owner, _, name = path.rpartition(".")
    holder, field = attrgetter(owner), attrgetter(path)

    def set_(record: Record, new: Any) -> None:
        if not isinstance(new, Time) or new.ns < 0:
            raise EvaluationError(f"{path} takes a time since 1970, not {type_name(new)}")
        try:
            setattr(holder(record), name, new.ns)
        except ValueError:
            raise EvaluationError(f"{path} takes a time before the year 2554") from None

    return Field(Access(lambda record: Time(field(record)), set_))


def _ids(prefix: str, **sizes_bytes: int) -> Iterator[tuple[str, Field]]:
    for name, size_bytes in sizes_bytes.items():
        yield name, identifier(f"{prefix}.{name}", size_bytes)
        yield f"{name}.string", hexadecimal(f"{prefix}.{name}", size_bytes)


_KIND_NAMES = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")


def _kind_text(names: tuple[str, ...]) -> Field:
    def get(record: Record) -> str:
        kind = record.span.kind
        return names[kind] if 0 <= kind < len(names) else ""

    def set_(record: Record, new: Any) -> None:
        if new not in names:
            raise EvaluationError(f"a span's kind is one of {', '.join(names)}, not {new!r}")
        record.span.kind = names.index(new)

    return Field(Access(get, set_))


_DATA = ("", "gauge", "sum", "histogram", "exponential_histogram", "summary")


def _of_metric_data(name: str, kind: type) -> Field:
    """A field of the metric's data; nil, and not set, for types that have none."""

    def get(record: Record) -> Any:
        data = record.metric.WhichOneof("data")
        return getattr(getattr(record.metric, data), name, None) if data else None

    def set_(record: Record, new: Any) -> None:
        data = record.metric.WhichOneof("data")
        if not data or getattr(getattr(record.metric, data), name, None) is None:
            return
        if type(new) is not kind:
            raise EvaluationError(f"{name} takes {type_name(kind())}, not {type_name(new)}")
        try:
            setattr(getattr(record.metric, data), name, new)
        except ValueError:
            raise EvaluationError(f"{name} cannot be {new}") from None

    return Field(Access(get, set_))


def _body_text(record: Record) -> str:
    return as_text(read(record.log.body)) or ""


def _set_body_text(record: Record, new: Any) -> None:
    if type(new) is not str:
        raise EvaluationError(f"body.string takes a string, not {type_name(new)}")
    record.log.body.CopyFrom(AnyValue(string_value=new))


def _number_value(name: str, kind: type) -> Field:
    """The value of a number data point: zero if it is of the other type, nil in others."""
    return present(f"datapoint.{name}", kind)


def _optional(name: str) -> Field:
    """A double of a histogram point that may be missing: nil then."""
    field = present(f"datapoint.{name}", float)

    def get(record: Record) -> Any:
        point = record.datapoint
        described = point.DESCRIPTOR.fields_by_name.get(name)
        if described is None or (described.has_presence and not point.HasField(name)):
            return None
        return getattr(point, name)

    return Field(Access(get, field.access.set))


def _quantiles(record: Record) -> Any:
    values = getattr(record.datapoint, "quantile_values", None)
    return (
        None
        if values is None
        else [{"quantile": each.quantile, "value": each.value} for each in values]
    )


def _owned(name: str) -> Get:
    return attrgetter(name)


FIELDS: dict[Context, dict[str, Field]] = {
    Context.RESOURCE: {
        "": submessage("resource.resource"),
        "attributes": attributes(_owned("resource.resource.attributes")),
        "dropped_attributes_count": scalar("resource.resource.dropped_attributes_count", int),
        "schema_url": scalar("resource.schema_url", str),
    },
    Context.SCOPE: {
        "": submessage("scope.scope"),
        "attributes": attributes(_owned("scope.scope.attributes")),
        "dropped_attributes_count": scalar("scope.scope.dropped_attributes_count", int),
        "name": scalar("scope.scope.name", str),
        "schema_url": scalar("scope.schema_url", str),
        "version": scalar("scope.scope.version", str),
    },
    Context.SPAN: {
        "attributes": attributes(_owned("span.attributes")),
        "dropped_attributes_count": scalar("span.dropped_attributes_count", int),
        "dropped_events_count": scalar("span.dropped_events_count", int),
        "dropped_links_count": scalar("span.dropped_links_count", int),
        "events": messages("span.events"),
        "flags": scalar("span.flags", int),
        "kind": scalar("span.kind", int),
        "kind.deprecated_string": _kind_text(
            tuple(f"SPAN_KIND_{name.upper()}" for name in _KIND_NAMES)
        ),
        "kind.string": _kind_text(_KIND_NAMES),
        "links": messages("span.links"),
        "name": scalar("span.name", str),
        "status": submessage("span.status"),
        "status.code": scalar("span.status.code", int),
        "status.message": scalar("span.status.message", str),
        "trace_state": trace_state("span.trace_state"),
        **dict(_ids("span", trace_id=16, span_id=8, parent_span_id=8)),
        **dict(_times("span", start_time="start_time_unix_nano", end_time="end_time_unix_nano")),
    },
    Context.SPANEVENT: {
        "attributes": attributes(_owned("spanevent.attributes")),
        "dropped_attributes_count": scalar("spanevent.dropped_attributes_count", int),
        "event_index": Field(
            Access(lambda record: list(record.span.events).index(record.spanevent))
        ),
        "name": scalar("spanevent.name", str),
        **dict(_times("spanevent", time="time_unix_nano")),
    },
    Context.METRIC: {
        "aggregation_temporality": _of_metric_data("aggregation_temporality", int),
        "data_points": Field(Access(lambda record: data_points(record.metric))),
        "description": scalar("metric.description", str),
        "is_monotonic": _of_metric_data("is_monotonic", bool),
        "metadata": attributes(_owned("metric.metadata")),
        "name": scalar("metric.name", str),
        "type": Field(Access(lambda record: _DATA.index(record.metric.WhichOneof("data") or ""))),
        "unit": scalar("metric.unit", str),
    },
    Context.DATAPOINT: {
        "attributes": attributes(_owned("datapoint.attributes")),
        "bucket_counts": numbers("datapoint.bucket_counts", int),
        "count": present("datapoint.count", int),
        "exemplars": messages("datapoint.exemplars"),
        "explicit_bounds": numbers("datapoint.explicit_bounds", float),
        "flags": scalar("datapoint.flags", int),
        "max": _optional("max"),
        "min": _optional("min"),
        "negative": submessage("datapoint.negative"),
        "negative.bucket_counts": numbers("datapoint.negative.bucket_counts", int),
        "negative.offset": present("datapoint.negative.offset", int),
        "positive": submessage("datapoint.positive"),
        "positive.bucket_counts": numbers("datapoint.positive.bucket_counts", int),
        "positive.offset": present("datapoint.positive.offset", int),
        "quantile_values": Field(Access(_quantiles)),
        "scale": present("datapoint.scale", int),
        "sum": _optional("sum"),
        "value_double": _number_value("as_double", float),
        "value_int": _number_value("as_int", int),
        "zero_count": present("datapoint.zero_count", int),
        "zero_threshold": present("datapoint.zero_threshold", float),
        **dict(_times("datapoint", start_time="start_time_unix_nano", time="time_unix_nano")),
    },
    Context.LOG: {
        "attributes": attributes(_owned("log.attributes")),
        "body": any_value("log.body"),
        "body.string": Field(Access(_body_text, _set_body_text)),
        "dropped_attributes_count": scalar("log.dropped_attributes_count", int),
        "event_name": scalar("log.event_name", str),
        "flags": scalar("log.flags", int),
        "severity_number": scalar("log.severity_number", int),
        "severity_text": scalar("log.severity_text", str),
        **dict(_ids("log", trace_id=16, span_id=8)),
        **dict(_times("log", time="time_unix_nano", observed_time="observed_time_unix_nano")),
    },
}
"""Context → path within it → what it is. The empty path is the record itself."""

CACHE = attributes(Record.cached)

_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_TRACE_ENUMS = {
    **{f"SPAN_KIND_{name.upper()}": number for number, name in enumerate(_KIND_NAMES)},
    "STATUS_CODE_UNSET": 0,
    "STATUS_CODE_OK": 1,
    "STATUS_CODE_ERROR": 2,
}
_METRIC_ENUMS = {
    "AGGREGATION_TEMPORALITY_UNSPECIFIED": 0,
    "AGGREGATION_TEMPORALITY_DELTA": 1,
    "AGGREGATION_TEMPORALITY_CUMULATIVE": 2,
    "METRIC_DATA_TYPE_NONE": 0,
    "METRIC_DATA_TYPE_GAUGE": 1,
    "METRIC_DATA_TYPE_SUM": 2,
    "METRIC_DATA_TYPE_HISTOGRAM": 3,
    "METRIC_DATA_TYPE_EXPONENTIAL_HISTOGRAM": 4,
    "METRIC_DATA_TYPE_SUMMARY": 5,
}

ENUMS: dict[Context, dict[str, int]] = {
    Context.RESOURCE: {},
    Context.SCOPE: {},
    Context.SPAN: _TRACE_ENUMS,
    Context.SPANEVENT: _TRACE_ENUMS,
    Context.METRIC: _METRIC_ENUMS,
    Context.DATAPOINT: {**_METRIC_ENUMS, "FLAG_NONE": 0, "FLAG_NO_RECORDED_VALUE": 1},
    Context.LOG: {
        "SEVERITY_NUMBER_UNSPECIFIED": 0,
        **{
            f"SEVERITY_NUMBER_{name}{step or ''}": 1 + 4 * index + max(step - 1, 0)
            for index, name in enumerate(_SEVERITIES)
            for step in (0, 2, 3, 4)
        },
    },
}
"""Context → its enums."""
