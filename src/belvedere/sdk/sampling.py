"""Which traces are recorded."""

import os
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from belvedere.sdk.agents.duplicate_calls import kind_of
from belvedere.sdk.entry_points import load
from belvedere.sdk.errors import SettingError
from belvedere.sdk.settings import PRODUCTION_RATIO

_OF_THE_SDK = frozenset(
    {
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    }
)


def sampler(ratio: float | None, environment: str) -> Sampler | None:
    """Parent-based trace-id ratio: `ratio`, else `OTEL_TRACES_SAMPLER`, else the default.

    The default is everything, and a tenth in `production`. None leaves it to the OpenTelemetry
    SDK, which reads the variable itself.

    Raises:
        SettingError: `ratio` is not within 0 and 1.
    """
    if ratio is not None:
        if not 0 <= ratio <= 1:
            raise SettingError(f"sampling_ratio is {ratio}; it has to be from 0 to 1")
        return _parent_based(ratio)
    name = os.environ.get("OTEL_TRACES_SAMPLER", "").strip()
    if name:
        if name.lower() in _OF_THE_SDK:
            return None
        factory = load("opentelemetry_traces_sampler", name)
        if factory is None:
            return None
        made = factory(os.environ.get("OTEL_TRACES_SAMPLER_ARG"))
        return made if isinstance(made, Sampler) else None
    return _parent_based(PRODUCTION_RATIO if environment.lower() == "production" else 1.0)


def _parent_based(ratio: float) -> Sampler:
    return ParentBased(ALWAYS_ON if ratio == 1 else TraceIdRatioBased(ratio))


class RecordModelCalls(Sampler):
    """Decides as `sampler`, but records model calls that are not sampled, without exporting them.

    Metrics count every call, sampled or not. That a call is measured once follows from its spans.
    """

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def should_sample(  # noqa: PLR0917 - the SDK's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        result = self._sampler.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )
        if result.decision is Decision.DROP and kind_of(attributes) is not None:
            return SamplingResult(Decision.RECORD_ONLY, attributes, result.trace_state)
        return result

    def get_description(self) -> str:
        return self._sampler.get_description()


def id_generator() -> IdGenerator | None:
    """The generator that `OTEL_PYTHON_ID_GENERATOR` names, or None for the SDK's own."""
    name = os.environ.get("OTEL_PYTHON_ID_GENERATOR", "").strip()
    if not name or name == "random":
        return None
    generator = load("opentelemetry_id_generator", name)
    return generator() if generator is not None else None
