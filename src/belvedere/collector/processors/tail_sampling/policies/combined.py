"""Policies made of others."""

from collections.abc import Callable, Mapping, Sequence

from belvedere.collector.processors.tail_sampling.decision import FOR, Evaluator, Vote
from belvedere.collector.processors.tail_sampling.policy import Composite
from belvedere.collector.processors.tail_sampling.trace import Trace


class AllOf:
    """Votes `agreed` if all of several policies are for sampling; they are asked in order."""

    def __init__(self, policies: Sequence[Evaluator], agreed: Vote) -> None:
        self._policies, self._agreed = policies, agreed

    def vote(self, trace: Trace) -> Vote:
        for policy in self._policies:
            if policy.vote(trace) not in FOR:
                return Vote.NOT_SAMPLED
        return self._agreed


class Opposite:
    """Samples what another policy does not."""

    def __init__(self, policy: Evaluator) -> None:
        self._policy = policy

    def vote(self, trace: Trace) -> Vote:
        return Vote.NOT_SAMPLED if self._policy.vote(trace) in FOR else Vote.SAMPLED


class CompositePolicy:
    """The first policy that is for sampling decides: yes, while its spans fit this second.

    As documented rather than as the Collector's code: `policy_order` counts, and policies without
    a share of the rate divide what is left of it. (There, they never sample.)
    """

    def __init__(
        self, section: Composite, policies: Mapping[str, Evaluator], now_s: Callable[[], float]
    ) -> None:
        self._now_s = now_s
        self._second = 0
        self._sampled: dict[str, int] = {}
        """Spans of this second, by policy."""
        self._most = _shares(section)
        others = [name for name in policies if name not in section.policy_order]
        self._policies = [(name, policies[name]) for name in (*section.policy_order, *others)]

    def vote(self, trace: Trace) -> Vote:
        second = int(self._now_s())
        if second != self._second:
            self._second, self._sampled = second, {}
        for name, policy in self._policies:
            if policy.vote(trace) in FOR:
                spans = self._sampled.get(name, 0) + trace.span_count
                if spans > self._most[name]:
                    return Vote.NOT_SAMPLED
                self._sampled[name] = spans
                return Vote.SAMPLED
        return Vote.NOT_SAMPLED


def _shares(section: Composite) -> Mapping[str, float]:
    """Spans a second, by policy."""
    names = [policy.name for policy in section.composite_sub_policy]
    percents: dict[str, float] = {
        each.policy: each.percent or 100 / len(names) for each in section.rate_allocation
    }
    if rest := [name for name in names if name not in percents]:
        left = max(0.0, 100 - sum(percents.values()))
        percents |= dict.fromkeys(rest, left / len(rest))
    total = section.max_total_spans_per_second
    return {name: total * percents[name] / 100 for name in names}
