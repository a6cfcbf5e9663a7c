"""A view with a cardinality limit for the SDKs that have none: opentelemetry-sdk before 1.45.2.

It does in their place what 1.45.2 does, and goes when every instrumentor allows that version.
Streams of other views are left as they are.
"""

import dataclasses
import functools
from typing import Any, Final

from opentelemetry.sdk.metrics._internal import _view_instrument_match as sdk
from opentelemetry.sdk.metrics._internal.measurement import Measurement
from opentelemetry.sdk.metrics.view import View

_OVERFLOW: Final = {"otel.metric.overflow": True}


class LimitedView(View):
    """All instruments, with at most so many attribute sets each."""

    def __init__(self, cardinality_limit: int) -> None:
        super().__init__(instrument_name="*")
        self.cardinality_limit: Final = cardinality_limit
        _limit_streams()


@functools.cache
def _limit_streams() -> None:
    """Have streams of limited views ask before they begin a series. Once a process."""
    stream: Any = sdk._ViewInstrumentMatch  # noqa: SLF001 - older SDKs have no other place for it
    consume = stream.consume_measurement

    @functools.wraps(consume)
    def limited(self: Any, measurement: Measurement, *args: Any, **kwargs: Any) -> None:
        view, series = self._view, self._attributes_aggregation
        if isinstance(view, LimitedView) and len(series) >= view.cardinality_limit:
            key = sdk._hash_attributes(dict(measurement.attributes or {}))  # noqa: SLF001 - as above
            if key not in series:
                measurement = dataclasses.replace(measurement, attributes=_OVERFLOW)
        consume(self, measurement, *args, **kwargs)

    stream.consume_measurement = limited
