"""The GenAI convention's client metrics, recorded by model calls.

| name | unit | what |
|---|---|---|
| `gen_ai.client.token.usage` | {token} | tokens, by `gen_ai.token.type` input and output |
| `gen_ai.client.operation.duration` | s | a call from start to end; `error.type` if it failed |
| `gen_ai.client.operation.time_to_first_chunk` | s | a stream from start to first chunk |
| `gen_ai.client.operation.time_per_output_chunk` | s | a stream from each chunk to the next |

Attributes: operation, provider, request and response model, server address and port.
"""

from dataclasses import dataclass
from functools import lru_cache

from opentelemetry.metrics import Histogram, Meter

from belvedere.sdk.agents import attributes as names
from belvedere.sdk.agents import providers

TOKEN_BUCKETS = tuple(4**power for power in range(14))
"""1 … 67,108,864 tokens, as the convention advises."""
SECOND_BUCKETS = tuple(round(0.01 * 2**power, 2) for power in range(14))
"""0.01 … 81.92 s, as the convention advises."""

LABELS = (
    names.OPERATION,
    names.PROVIDER,
    names.REQUEST_MODEL,
    names.RESPONSE_MODEL,
    names.SERVER_ADDRESS,
    names.SERVER_PORT,
)


@dataclass(frozen=True, slots=True)
class Instruments:
    """The four histograms, of one meter."""

    tokens: Histogram
    duration: Histogram
    time_to_first_chunk: Histogram
    time_per_output_chunk: Histogram


def _histogram(
    meter: Meter, name: str, unit: str, text: str, buckets: tuple[float, ...]
) -> Histogram:
    return meter.create_histogram(
        f"gen_ai.client.{name}", unit, text, explicit_bucket_boundaries_advisory=buckets
    )


@lru_cache(maxsize=8)  # one or two meters in a process; tests bind several
def _of(meter: Meter) -> Instruments:
    seconds = SECOND_BUCKETS
    return Instruments(
        _histogram(meter, "token.usage", "{token}", "Tokens of model calls.", TOKEN_BUCKETS),
        _histogram(meter, "operation.duration", "s", "Duration of model calls.", seconds),
        _histogram(
            meter, "operation.time_to_first_chunk", "s", "Time to the first chunk.", seconds
        ),
        _histogram(
            meter, "operation.time_per_output_chunk", "s", "Time from chunk to chunk.", seconds
        ),
    )


def instruments() -> Instruments:
    """The histograms of the meter provider in force."""
    return _of(providers.meter())
