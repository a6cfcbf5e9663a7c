"""Which traces are recorded."""

import os

from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased

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


def id_generator() -> IdGenerator | None:
    """The generator that `OTEL_PYTHON_ID_GENERATOR` names, or None for the SDK's own."""
    name = os.environ.get("OTEL_PYTHON_ID_GENERATOR", "").strip()
    if not name or name == "random":
        return None
    generator = load("opentelemetry_id_generator", name)
    return generator() if generator is not None else None
