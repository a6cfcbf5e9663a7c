"""What a policy is configured with: a section for each type, named as the type."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from belvedere.collector import ottl
from belvedere.collector.component import ComponentConfig
from belvedere.collector.non_empty import NonEmpty
from belvedere.collector.regex import compile_regex


class Latency(ComponentConfig):
    """`latency`: from the earliest start to the latest end of the trace's spans."""

    threshold_ms: int = Field(0, ge=0, description="At least so long; more, with an upper bound.")
    upper_threshold_ms: int = Field(0, ge=0, description="At most so long; 0: no upper bound.")


class NumericAttribute(ComponentConfig):
    """`numeric_attribute`: a number in a range, among attributes of spans and resources."""

    key: str = Field(min_length=1, description="The attribute.")
    min_value: int = Field(0, description="The least value that matches; 0: no lower bound.")
    max_value: int = Field(0, description="The greatest value that matches; 0: no upper bound.")
    invert_match: bool = Field(
        False, description="Whether traces with a match are not sampled, and all others are."
    )


class Probabilistic(ComponentConfig):
    """`probabilistic`: a share of the traces, by a hash of their ids."""

    hash_salt: str = Field("", description="Salt of the hash, which tells layers apart.")
    sampling_percentage: float = Field(
        0, ge=0, description="The share; from 100 on all traces, 0 none."
    )


class StatusCode(ComponentConfig):
    """`status_code`: any span's status."""

    status_codes: NonEmpty[Literal["OK", "ERROR", "UNSET"]] = Field(
        description="OK, ERROR and UNSET, those of them that match."
    )


class StringAttribute(ComponentConfig):
    """`string_attribute`: a text, among attributes of spans and resources."""

    key: str = Field(min_length=1, description="The attribute.")
    values: tuple[str, ...] = Field((), description="The values, or regular expressions, to match.")
    enabled_regex_matching: bool = Field(
        False, description="Whether values are regular expressions, which match a part."
    )
    cache_max_size: int = Field(
        0, ge=0, description="Outcomes of the expressions that are remembered; 0: 128."
    )
    invert_match: bool = Field(
        False, description="Whether traces with a match are not sampled, and all others are."
    )

    @model_validator(mode="after")
    def _valid_expressions(self) -> Self:
        if self.enabled_regex_matching:
            for value in self.values:
                compile_regex(value)
        return self


class BooleanAttribute(ComponentConfig):
    """`boolean_attribute`: a boolean, among attributes of spans and resources."""

    key: str = Field(min_length=1, description="The attribute.")
    value: bool = Field(False, description="The value to match.")
    invert_match: bool = Field(
        False, description="Whether traces with a match are not sampled, and all others are."
    )


class TraceState(ComponentConfig):
    """`trace_state`: a value in any span's trace state."""

    key: str = Field(min_length=1, description="The key in the trace state.")
    values: NonEmpty[str] = Field(description="The values to match.")


class RateLimiting(ComponentConfig):
    """`rate_limiting`: as many spans as fit."""

    spans_per_second: int = Field(0, ge=0, description="Spans a second, in the long run.")
    burst_capacity: int = Field(0, ge=0, description="Most spans at once; 0: those of two seconds.")


class BytesLimiting(ComponentConfig):
    """`bytes_limiting`: as many serialized bytes as fit."""

    bytes_per_second: int = Field(gt=0, description="Bytes a second, in the long run.")
    burst_capacity: int = Field(0, ge=0, description="Most bytes at once; 0: those of two seconds.")


class SpanCount(ComponentConfig):
    """`span_count`: the number of the trace's spans."""

    min_spans: int = Field(0, ge=0, description="At least so many.")
    max_spans: int = Field(0, ge=0, description="At most so many; 0: no upper bound.")


def _error_mode(value: Any) -> Any:
    return value or ottl.ErrorMode.PROPAGATE


class OttlCondition(ComponentConfig):
    """`ottl_condition`: conditions of which any span, or span event, fulfils one."""

    error_mode: Annotated[ottl.ErrorMode, BeforeValidator(_error_mode)] = Field(
        ottl.ErrorMode.PROPAGATE,
        description="What an error is: propagate: no vote of the policy; ignore, silent: no match.",
    )
    span: tuple[str, ...] = Field((), description="Conditions for spans.")
    spanevent: tuple[str, ...] = Field((), description="Conditions for span events.")

    @model_validator(mode="after")
    def _valid_conditions(self) -> Self:
        if not self.span and not self.spanevent:
            raise ValueError("a condition for span or spanevent is required")
        for texts, context in (
            (self.span, ottl.Context.SPAN),
            (self.spanevent, ottl.Context.SPANEVENT),
        ):
            ottl.condition(texts, context)
        return self
