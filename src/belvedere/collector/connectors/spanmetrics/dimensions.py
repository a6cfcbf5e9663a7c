"""Dimensions of spans: what tells series apart, and how it is written as attributes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from belvedere.collector.connectors.aggregation.attributes import SERVICE_NAME, text_pair
from belvedere.collector.connectors.aggregation.globs import matcher
from belvedere.collector.connectors.spanmetrics.config import (
    INSTANCE,
    SPAN_KIND,
    SPAN_NAME,
    STATUS_CODE,
    DimensionConfig,
    SpanMetricsConfig,
)

Values: TypeAlias = tuple[bytes | tuple[tuple[str, bytes], ...] | None, ...]
"""Of configured dimensions: the serialized value of each, then the matches of globs."""
Scope: TypeAlias = tuple[str, str]
Key: TypeAlias = tuple[str, int, int, Scope, str, Values]
"""Span name, kind, status code, instrumentation scope, sampling method, configured dimensions."""

OVERFLOW_KEY: Final[Key] = ("", -1, -1, ("", ""), "", ())
OVERFLOW: Final = "otel.metric.overflow"
SCOPE_NAME: Final = "span.instrumentation.scope.name"
SCOPE_VERSION: Final = "span.instrumentation.scope.version"
SAMPLING_METHOD: Final = "sampling.method"

_KINDS: Final[dict[int, str]] = {number: name for name, number in Span.SpanKind.items()}
_CODES: Final[dict[int, str]] = {number: name for name, number in Status.StatusCode.items()}


@dataclass(frozen=True, slots=True)
class Known:
    """What a resource (or an event with it) says about dimensions, before a span is looked at."""

    values: tuple[bytes | None, ...]
    matches: Mapping[str, bytes]


class Chosen:
    """The configured dimensions of one metric."""

    def __init__(self, dimensions: Sequence[DimensionConfig]) -> None:
        named = [each for each in dimensions if each.name]
        self._names = tuple(each.name for each in named)
        self._places = {name: at for at, name in enumerate(self._names)}
        self._defaults = tuple(
            None
            if each.default is None
            else AnyValue(string_value=each.default).SerializeToString()
            for each in named
        )
        globs = [each.glob for each in dimensions if each.glob]
        self._matches = matcher(globs) if globs else None

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._names) or self._matches is not None

    def known(self, *attributes: Iterable[KeyValue]) -> Known:
        """What these attributes say; later ones win over earlier ones."""
        values, matches = list(self._defaults), dict[str, bytes]()
        for each in attributes:
            self._look(each, values, matches)
        return Known(tuple(values), matches)

    def of_span(self, attributes: Iterable[KeyValue], known: Known) -> Values:
        """The dimensions of a span, whose own attributes win over what is known."""
        if self._matches is None:  # the usual case, written for speed
            places, values = self._places, list(known.values)
            for pair in attributes:
                at = places.get(pair.key)
                if at is not None:
                    values[at] = pair.value.SerializeToString()
            return tuple(values)
        values, matches = list(known.values), dict(known.matches)
        self._look(attributes, values, matches)
        return (*values, tuple(sorted(matches.items())))

    def pairs(self, values: Values) -> Iterator[tuple[str, AnyValue]]:
        """Names and values, of the dimensions that there are."""
        for name, value in zip(self._names, values, strict=False):
            if isinstance(value, bytes):
                yield name, AnyValue.FromString(value)
        if values and isinstance(values[-1], tuple):
            for name, data in values[-1]:
                yield name, AnyValue.FromString(data)

    def _look(
        self, attributes: Iterable[KeyValue], values: list[bytes | None], matches: dict[str, bytes]
    ) -> None:
        for pair in attributes:
            key = pair.key
            at = self._places.get(key)
            if at is not None:
                values[at] = pair.value.SerializeToString()
            elif self._matches is not None and self._matches(key):
                matches[key] = pair.value.SerializeToString()


class Writer:
    """Attributes of series."""

    def __init__(self, config: SpanMetricsConfig, instance_id: str) -> None:
        self._excluded = frozenset(config.exclude_dimensions)
        self._names, self._instance_id = config.dimension_names, instance_id

    def attributes(self, service: str, key: Key, chosen: Chosen) -> list[KeyValue]:
        """The attributes of the series of a key."""
        name, kind, code, scope, method, values = key
        texts = {
            SERVICE_NAME: service,
            SPAN_NAME: name,
            SPAN_KIND: _KINDS.get(kind, ""),
            STATUS_CODE: _CODES.get(code, ""),
            INSTANCE: self._instance_id,
        }
        pairs = [
            text_pair(self._named(key), value)
            for key, value in texts.items()
            if key not in self._excluded
        ]
        optional = {SCOPE_NAME: scope[0], SCOPE_VERSION: scope[1], SAMPLING_METHOD: method}
        pairs += [text_pair(self._named(key), value) for key, value in optional.items() if value]
        pairs += [
            KeyValue(key=self._named(name), value=value) for name, value in chosen.pairs(values)
        ]
        return pairs

    def overflow(self, service: str) -> list[KeyValue]:
        """Those of what is beyond the limit of series; a service, if no resource says it."""
        pairs = [KeyValue(key=OVERFLOW, value=AnyValue(bool_value=True))]
        return [text_pair(self._named(SERVICE_NAME), service), *pairs] if service else pairs

    def _named(self, dimension: str) -> str:
        return self._names.get(dimension, dimension)
