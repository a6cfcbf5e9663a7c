"""Evaluators of configured policies."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from belvedere.collector.processors.tail_sampling.decision import Evaluator, Vote
from belvedere.collector.processors.tail_sampling.policies import attributes, limits, spans
from belvedere.collector.processors.tail_sampling.policies.combined import (
    AllOf,
    CompositePolicy,
    Opposite,
)
from belvedere.collector.processors.tail_sampling.policy import (
    And,
    Composite,
    Drop,
    Not,
    Policy,
)

_Clock: TypeAlias = Callable[[], float]


def evaluator(policy: Policy, now_s: _Clock) -> Evaluator:
    """The evaluator of a policy; those with rates have `now_s` for a clock."""
    names = {field.alias or name: name for name, field in type(policy).model_fields.items()}
    section = getattr(policy, names[policy.type]) if policy.type in names else None
    return _MAKERS[policy.type](section, now_s)


def _all_of(policies: tuple[Policy, ...], now_s: _Clock, agreed: Vote) -> Evaluator:
    return AllOf([evaluator(policy, now_s) for policy in policies], agreed)


def _and(section: And, now_s: _Clock) -> Evaluator:
    return _all_of(section.and_sub_policy, now_s, Vote.SAMPLED)


def _drop(section: Drop, now_s: _Clock) -> Evaluator:
    return _all_of(section.drop_sub_policy, now_s, Vote.DROPPED)


def _not(section: Not, now_s: _Clock) -> Evaluator:
    return Opposite(evaluator(section.not_sub_policy, now_s))


def _composite(section: Composite, now_s: _Clock) -> Evaluator:
    policies = {each.name: evaluator(each, now_s) for each in section.composite_sub_policy}
    return CompositePolicy(section, policies, now_s)


def _timeless(make: Callable[[Any], Evaluator]) -> Callable[[Any, _Clock], Evaluator]:
    return lambda section, _: make(section)


_MAKERS: Final[Mapping[str, Callable[[Any, _Clock], Evaluator]]] = {
    "always_sample": _timeless(lambda _: spans.TracePolicy(lambda _: True)),
    "and": _and,
    "boolean_attribute": _timeless(attributes.boolean_attribute),
    "bytes_limiting": limits.bytes_limiting,
    "composite": _composite,
    "drop": _drop,
    "latency": _timeless(spans.latency),
    "not": _not,
    "numeric_attribute": _timeless(attributes.numeric_attribute),
    "ottl_condition": _timeless(spans.ottl_condition),
    "probabilistic": _timeless(limits.probabilistic),
    "rate_limiting": limits.rate_limiting,
    "span_count": _timeless(spans.span_count),
    "status_code": _timeless(spans.status_code),
    "string_attribute": _timeless(attributes.string_attribute),
    "trace_flags": _timeless(lambda _: spans.trace_flags()),
    "trace_state": _timeless(spans.trace_state),
}
"""By the policy's type."""
