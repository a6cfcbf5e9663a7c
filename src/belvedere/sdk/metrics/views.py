"""Bounds on how many series a metric of the application can have."""

from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.metrics.view import View

from belvedere.sdk.metrics.limited_view import SDK_LIMITS, LimitedView

DEFAULT_LIMIT: Final = 2000
"""Attribute sets a metric, as OpenTelemetry's specification has it by default."""


def views(cardinality_limit: int = DEFAULT_LIMIT) -> Sequence[View]:
    """One view for all instruments: `cardinality_limit` attribute sets each.

    None for the default where the SDK has it by itself.

    What has a further attribute set is counted in one more series, which has the one attribute
    `otel.metric.overflow=true` (OpenTelemetry, Metrics SDK, "Cardinality limits"): sums stay
    right, only the division by attributes ends. `overflow` says so in the log.

    These are for a provider of its own: an instrument that a further view matches would be
    exported twice, once for each view.

    Raises:
        ValueError: The limit is not a positive number.
    """
    if cardinality_limit < 1:
        raise ValueError(f"The cardinality limit must be positive, got {cardinality_limit}")
    if SDK_LIMITS and cardinality_limit == DEFAULT_LIMIT:
        return ()
    return (LimitedView(cardinality_limit),)
