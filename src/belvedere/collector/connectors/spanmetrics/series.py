"""The series of one metric and resource."""

from collections.abc import Callable
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from belvedere.collector.connectors.aggregation.histograms import Histogram, MakeHistogram
from belvedere.collector.connectors.spanmetrics.dimensions import OVERFLOW_KEY, Chosen, Key

_TOLD: Final = 2
"""Flushes until a series' first value is known: the first one of a counter is 0."""


class Series:
    """One series: a count of spans, with a histogram where durations are observed."""

    __slots__ = ("attributes", "count", "exemplars", "flushes", "histogram", "seen_s", "start_ns")

    def __init__(
        self, attributes: list[KeyValue], start_ns: int, histogram: Histogram | None
    ) -> None:
        self.attributes, self.start_ns, self.histogram = attributes, start_ns, histogram
        self.count = self.flushes = 0
        self.seen_s = 0.0
        self.exemplars: list[tuple[bytes, bytes, float, int]] | None = None
        """Trace id, span id, value, time in nanoseconds; None: none are wanted."""

    def add_exemplar(self, span: Any, value: float, most: int) -> None:
        """Note a span as an example, if it has a trace id and there is room."""
        exemplars = self.exemplars
        if exemplars is not None and len(exemplars) < most and span.trace_id:
            exemplars.append((span.trace_id, span.span_id, value, span.end_time_unix_nano))

    def write_exemplars(self, point: Any, now_ns: int) -> None:
        """Put the examples into a point."""
        for trace_id, span_id, value, time_ns in self.exemplars or ():
            point.exemplars.add(
                trace_id=trace_id,
                span_id=span_id,
                as_double=value,
                time_unix_nano=time_ns or now_ns,
            )


class Table:
    """Series by their keys, as many as are allowed."""

    def __init__(
        self,
        chosen: Chosen,
        limit: int,
        attributes: Callable[[Key, Chosen], list[KeyValue]],
        overflow: Callable[[], list[KeyValue]],
        histogram: MakeHistogram | None = None,
        *,
        exemplars: bool = False,
    ) -> None:
        self.series: dict[Key, Series] = {}
        self._chosen, self._limit = chosen, limit
        self._attributes, self._overflow = attributes, overflow
        self._histogram, self._exemplars = histogram, exemplars

    def make(self, key: Key, now_ns: int) -> Series:
        """The series of a key that has none yet; beyond the limit, that for all the others."""
        beyond = 0 < self._limit <= len(self.series)
        if beyond and OVERFLOW_KEY in self.series:
            return self.series[OVERFLOW_KEY]
        attributes = self._overflow() if beyond else self._attributes(key, self._chosen)
        series = Series(attributes, now_ns, self._histogram() if self._histogram else None)
        if self._exemplars and not beyond:
            series.exemplars = []
        self.series[OVERFLOW_KEY if beyond else key] = series
        return series

    def forget_exemplars(self) -> None:
        """They belong to one flush."""
        for series in self.series.values():
            if series.exemplars:
                series.exemplars = []

    def expire(self, before_s: float) -> None:
        """Forget the series without spans since then, once their value was handed on."""
        self.series = {
            key: series
            for key, series in self.series.items()
            if series.seen_s > before_s or series.flushes < _TOLD
        }

    @property
    def is_told(self) -> bool:
        """Whether the values of all series were handed on."""
        return all(series.flushes >= _TOLD for series in self.series.values())
