"""A view of all instruments with a cardinality limit, for any opentelemetry-sdk.

From 1.45.2 on the SDK has the limit, and this view gives it the number. Before, this does in its
place what 1.45.2 does; that goes when every instrumentor allows 1.45.2. Streams of other views are
left as they are.
"""

import dataclasses
import functools
import inspect
from typing import Any, Final

from opentelemetry.sdk.metrics._internal import _view_instrument_match as sdk
from opentelemetry.sdk.metrics._internal.measurement import Measurement
from opentelemetry.sdk.metrics.view import View

_OVERFLOW: Final = {"otel.metric.overflow": True}
_OPTION: Final = "aggregation_cardinality_limit"

SDK_LIMITS: Final = _OPTION in inspect.signature(View).parameters
"""Whether the SDK has cardinality limits."""


class LimitedView(View):
    """All instruments, with at most so many attribute sets each."""

    def __init__(self, cardinality_limit: int) -> None:
        option: dict[str, Any] = {_OPTION: cardinality_limit} if SDK_LIMITS else {}
        super().__init__(instrument_name="*", **option)
        self.cardinality_limit: Final = cardinality_limit
        _tell_scopes_apart()
        if not SDK_LIMITS:
            _limit_streams()


@functools.cache
def _tell_scopes_apart() -> None:
    """Silence the warning about instruments of one name in two scopes. Once per process.

    The SDK compares the streams of views by name, unit and aggregation, not by scope, and warns of
    "conflicting metrics identities". The scope is a part of the identity, and two instrumentors
    may both have `gen_ai.client.operation.duration`.
    """
    stream: Any = sdk._ViewInstrumentMatch  # noqa: SLF001 - the SDK has no other place for it
    conflicts = stream.conflicts

    @functools.wraps(conflicts)
    def in_one_scope(self: Any, other: Any) -> bool:
        if isinstance(self._view, LimitedView) and isinstance(other._view, LimitedView):  # noqa: SLF001 - as above
            ours, theirs = self._instrument, other._instrument  # noqa: SLF001 - as above
            if ours.instrumentation_scope != theirs.instrumentation_scope:
                return False
        return bool(conflicts(self, other))

    stream.conflicts = in_one_scope


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
