"""The configuration of `probabilistic_sampler`."""

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from belvedere.collector.component import ComponentConfig
from belvedere.collector.processors.probabilistic_sampler.threshold import MIN_PROBABILITY


def _possible(percentage: float) -> float:
    if not math.isfinite(percentage) or percentage < 0:
        raise ValueError("a percentage is a number from 0 on")
    if 0 < percentage / 100 < MIN_PROBABILITY:
        raise ValueError(f"the least percentage above 0 is {100 * MIN_PROBABILITY:g}")
    return percentage


class ProbabilisticSamplerConfig(ComponentConfig):
    """`processors::probabilistic_sampler`."""

    mode: Literal["", "hash_seed", "proportional", "equalizing"] = Field(
        "",
        description="hash_seed (the default): by a hash of the trace id. proportional: of what"
        " comes, however much it was sampled before. equalizing: down to this probability.",
    )
    sampling_percentage: Annotated[float, AfterValidator(_possible)] = Field(
        description="Share of the items that is kept; from 100 on all, 0 none."
    )
    hash_seed: int = Field(
        0,
        ge=0,
        lt=1 << 32,
        description="Seed of the hash; the same for all Collectors that should agree.",
    )
    fail_closed: bool = Field(
        True, description="Whether items whose probability cannot be determined are dropped."
    )
    sampling_precision: int = Field(
        4, ge=1, le=14, description="Hexadecimal digits of the threshold that is written."
    )
    attribute_source: Literal["traceID", "record"] = Field(
        "traceID", description="Logs: whether the trace id or from_attribute is hashed."
    )
    from_attribute: str = Field(
        "",
        description="Logs: the attribute that is hashed where the trace id is not, or is missing.",
    )
    sampling_priority: str = Field(
        "", description="Logs: the attribute with a percentage of the record's own."
    )
