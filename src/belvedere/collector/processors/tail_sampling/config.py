"""The configuration of `tail_sampling`."""

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.duration import PositiveDuration
from belvedere.collector.non_empty import NonEmpty
from belvedere.collector.processors.tail_sampling.policy import TopPolicy


class DecisionCacheConfig(ComponentConfig):
    """`decision_cache`: decisions remembered beyond those of the last num_traces traces."""

    sampled_cache_size: int = Field(0, ge=0, description="Sampled traces that are remembered.")
    non_sampled_cache_size: int = Field(
        0, ge=0, description="Traces that were not sampled and are remembered."
    )


class TailSamplingConfig(ComponentConfig):
    """`processors::tail_sampling`."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "block_on_overflow": "nothing overflows: with more than num_traces the oldest is decided"
        " early; remove this key",
        "decision_wait_after_root_received": "each trace waits for decision_wait",
        "maximum_trace_size_bytes": "bound the memory by memory_limiter and num_traces",
    }

    decision_wait: PositiveDuration = Field(
        30.0, description="Time from a trace's first span to the decision about it."
    )
    num_traces: int = Field(
        50_000,
        gt=0,
        description="Traces that wait for their decisions at most; about more, it is taken early."
        " Of as many the decisions are remembered.",
    )
    expected_new_traces_per_sec: int = Field(
        0, ge=0, description="Without effect: memory is taken as it is needed."
    )
    decision_cache: DecisionCacheConfig = Field(
        default_factory=DecisionCacheConfig, description="Decisions remembered for longer."
    )
    sample_on_first_match: bool = Field(
        False, description="Whether the first vote to sample ends the voting; drop goes before."
    )
    drop_pending_traces_on_shutdown: bool = Field(
        False, description="Whether traces without a decision are dropped at shutdown."
    )
    policies: NonEmpty[TopPolicy] = Field(
        description="What votes about each trace; any vote to sample is enough."
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [policy.name for policy in self.policies]
        if len(set(names)) < len(names):
            raise ValueError("two policies have the same name")
        return self
