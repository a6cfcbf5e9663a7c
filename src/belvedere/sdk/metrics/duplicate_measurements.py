"""One model call, one measurement, however many instrumentors measure the call.

Of the spans of one model call (`sdk/agents/duplicate_calls.py`), those of one depth are measured:
the depth that is measured first. The same metric of another depth is not recorded. Some libraries
measure outside their span, after it or beside it (pydantic-ai, streams of Traceloop's): these
measurements are recognised by their instrumentation scope and the span around the call.
"""

import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader

from belvedere.sdk.agents import attributes as names
from belvedere.sdk.agents import faults
from belvedere.sdk.agents.duplicate_calls import Call, Layer, layer_of

_PREFIX: Final = "gen_ai.client."
_EXPECTED_KEPT: Final = 1024
"""Measurements outside their span that are waited for."""

_Key = tuple[str, object]
"""Metric, and token type where it has one."""


def drop_duplicates(provider: MeterProvider, reader: MetricReader) -> None:
    """Let `reader`, which `provider` has, see each model call once. Other readers see all."""
    storage = storage_of(provider, reader)
    if storage is not None:
        storage.consume_measurement = DuplicateMeasurements(storage.consume_measurement)


def storage_of(provider: MeterProvider, reader: MetricReader) -> Any:
    """Return what aggregates for `reader`; None if another release of the SDK has it elsewhere."""
    consumer = getattr(provider, "_measurement_consumer", None)
    return getattr(consumer, "_reader_storages", {}).get(reader)


class DuplicateMeasurements:
    """Passes measurements to `then`, the storage of a reader, but not those that it has already."""

    def __init__(self, then: Callable[[Any, bool], None]) -> None:
        self._then = then
        self._measured: weakref.WeakKeyDictionary[Call, dict[_Key, int]] = (
            weakref.WeakKeyDictionary()
        )
        self._expected: OrderedDict[tuple[str, int, _Key], int] = OrderedDict()

    def __call__(self, measurement: Any, should_sample_exemplar: bool = True) -> None:  # noqa: FBT001, FBT002 - the SDK's
        if measurement.instrument.name.startswith(_PREFIX):
            try:
                if self._is_duplicate(measurement):
                    return
            except Exception:  # noqa: BLE001 - the application is never changed by telemetry
                faults.report("a measurement of a model call")
        self._then(measurement, should_sample_exemplar)

    def _is_duplicate(self, measurement: Any) -> bool:
        instrument = measurement.instrument
        scope = instrument.instrumentation_scope.name
        key = instrument.name, (measurement.attributes or {}).get(names.TOKEN_TYPE)
        span = trace.get_current_span(measurement.context)
        layer = layer_of(span)
        around = span.get_span_context().span_id
        if layer is None or (layer.scope != scope and scope not in layer.call.depths):
            return self._was_expected((scope, around, key))
        call = layer.call
        depth = layer.depth if layer.scope == scope else call.depths[scope]
        measured = self._measured.setdefault(call, {})
        if key not in measured:
            measured[key] = depth
            self._expect(layer.around if depth == layer.depth else layer, key)
        if measured[key] == depth:
            return False
        self._was_expected((scope, layer.parent_id, key))
        return True

    def _expect(self, outer: Layer | None, key: _Key) -> None:
        """The layers around have the same to measure, perhaps outside their spans."""
        while outer is not None:
            place = outer.scope, outer.parent_id, key
            self._expected[place] = self._expected.pop(place, 0) + 1
            outer = outer.around
        while len(self._expected) > _EXPECTED_KEPT:
            self._expected.popitem(last=False)

    def _was_expected(self, place: tuple[str, int, _Key]) -> bool:
        left = self._expected.pop(place, 0) - 1
        if left > 0:
            self._expected[place] = left
        return left >= 0
