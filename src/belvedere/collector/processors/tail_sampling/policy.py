"""One policy as the configuration writes it; some hold further ones, as deep as documented."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.non_empty import NonEmpty
from belvedere.collector.processors.tail_sampling import sections

_NEEDS_NO_SECTION = frozenset({"always_sample", "trace_flags"})


class Policy(ComponentConfig):
    """A policy that looks at the trace itself."""

    types: ClassVar[tuple[str, ...]] = (
        "always_sample",
        "latency",
        "numeric_attribute",
        "probabilistic",
        "status_code",
        "string_attribute",
        "trace_state",
        "trace_flags",
        "rate_limiting",
        "bytes_limiting",
        "span_count",
        "boolean_attribute",
        "ottl_condition",
    )
    """The types that are possible in this place."""

    name: str = Field(min_length=1, description="The name, under which its votes are counted.")
    type: str = Field(description="What it looks at; the section of the same name says how.")
    latency: sections.Latency | None = Field(None, description="Of type latency.")
    numeric_attribute: sections.NumericAttribute | None = Field(
        None, description="Of type numeric_attribute."
    )
    probabilistic: sections.Probabilistic | None = Field(None, description="Of type probabilistic.")
    status_code: sections.StatusCode | None = Field(None, description="Of type status_code.")
    string_attribute: sections.StringAttribute | None = Field(
        None, description="Of type string_attribute."
    )
    trace_state: sections.TraceState | None = Field(None, description="Of type trace_state.")
    rate_limiting: sections.RateLimiting | None = Field(None, description="Of type rate_limiting.")
    bytes_limiting: sections.BytesLimiting | None = Field(
        None, description="Of type bytes_limiting."
    )
    span_count: sections.SpanCount | None = Field(None, description="Of type span_count.")
    boolean_attribute: sections.BooleanAttribute | None = Field(
        None, description="Of type boolean_attribute."
    )
    ottl_condition: sections.OttlCondition | None = Field(
        None, description="Of type ottl_condition."
    )

    @model_validator(mode="after")
    def _section_of_its_type(self) -> Self:
        if self.type not in self.types:
            raise ValueError(f"{self.type!r} is no type of policy here: {', '.join(self.types)}")
        written = {
            field.alias or name
            for name, field in type(self).model_fields.items()
            if name not in ("name", "type") and getattr(self, name) is not None
        }
        if wrong := sorted(written - {self.type}):
            raise ValueError(f"the policy {self.name} of type {self.type} does not use {wrong[0]}")
        if self.type not in written | _NEEDS_NO_SECTION:
            raise ValueError(f"the policy {self.name} needs the section {self.type}")
        return self


class Not(ComponentConfig):
    """`not`: samples what another policy does not."""

    not_sub_policy: Policy = Field(description="The other policy.")


class AndSubPolicy(Policy):
    """A policy within `and` or `drop`."""

    types: ClassVar[tuple[str, ...]] = (*Policy.types, "not")

    not_: Not | None = Field(None, alias="not", description="Of type not.")


class And(ComponentConfig):
    """`and`: samples what all of several policies sample."""

    and_sub_policy: NonEmpty[AndSubPolicy] = Field(description="The policies.")


class Drop(ComponentConfig):
    """`drop`: drops what all of several policies sample, whatever others vote."""

    drop_sub_policy: NonEmpty[AndSubPolicy] = Field(description="The policies.")


class CompositeSubPolicy(AndSubPolicy):
    """A policy within `composite`."""

    types: ClassVar[tuple[str, ...]] = (*AndSubPolicy.types, "and")

    and_: And | None = Field(None, alias="and", description="Of type and.")


class RateAllocation(ComponentConfig):
    """An entry of `rate_allocation`."""

    policy: str = Field(description="Name of one of the policies.")
    percent: int = Field(
        0, ge=0, le=100, description="Its share of max_total_spans_per_second; 0: an equal share."
    )


class Composite(ComponentConfig):
    """`composite`: the first of several policies that samples, each within a rate."""

    max_total_spans_per_second: int = Field(ge=0, description="Spans a second of all policies.")
    policy_order: tuple[str, ...] = Field(
        (), description="Names of the policies in the order to ask them; others follow as written."
    )
    composite_sub_policy: NonEmpty[CompositeSubPolicy] = Field(description="The policies.")
    rate_allocation: tuple[RateAllocation, ...] = Field(
        (), description="Shares of the rate; policies without an entry divide what is left."
    )

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        names = {policy.name for policy in self.composite_sub_policy}
        if len(names) < len(self.composite_sub_policy):
            raise ValueError("two policies of composite have the same name")
        named = {*self.policy_order, *(each.policy for each in self.rate_allocation)}
        if unknown := sorted(named - names):
            raise ValueError(f"composite has no policy {unknown[0]!r}; it has {sorted(names)}")
        if sum(each.percent for each in self.rate_allocation) > 100:
            raise ValueError("the percents of rate_allocation are more than 100 together")
        return self


class TopPolicy(CompositeSubPolicy):
    """An entry of `policies`."""

    types: ClassVar[tuple[str, ...]] = (*CompositeSubPolicy.types, "drop", "composite")

    drop: Drop | None = Field(None, description="Of type drop.")
    composite: Composite | None = Field(None, description="Of type composite.")
