"""All policies of the processor: they vote about a trace, which is counted."""

from collections.abc import Callable
from typing import Final

import structlog

from belvedere.collector.processors.tail_sampling import telemetry
from belvedere.collector.processors.tail_sampling.config import TailSamplingConfig
from belvedere.collector.processors.tail_sampling.decision import PolicyError, Vote, is_sampled
from belvedere.collector.processors.tail_sampling.policies.make import evaluator
from belvedere.collector.processors.tail_sampling.trace import Trace

log = structlog.get_logger(__name__)

_LABELS: Final = {
    Vote.SAMPLED: ("true", "sampled"),
    Vote.INVERT_SAMPLED: ("true", "sampled"),
    Vote.NOT_SAMPLED: ("false", "not_sampled"),
    Vote.INVERT_NOT_SAMPLED: ("false", "not_sampled"),
    Vote.DROPPED: ("false", "dropped"),
}
"""`sampled` and `decision` of the counters."""


class Voting:
    """The policies, those that drop before the others."""

    def __init__(
        self, config: TailSamplingConfig, component_id: str, now_s: Callable[[], float]
    ) -> None:
        _, _, instance = component_id.partition("/")
        self._id = component_id
        self._on_first_match = config.sample_on_first_match
        ordered = sorted(config.policies, key=lambda policy: policy.type != "drop")
        self._policies = [
            (f"{instance}.{policy.name}" if instance else policy.name, evaluator(policy, now_s))
            for policy in ordered
        ]

    def is_sampled(self, trace: Trace) -> bool:
        """The decision about a trace."""
        votes: set[Vote] = set()
        for name, policy in self._policies:
            try:
                vote = policy.vote(trace)
            except PolicyError as error:
                telemetry.EVALUATION_ERROR.inc()
                log.info("policy_error", component=self._id, policy=name, error=str(error))
                continue
            votes.add(vote)
            telemetry.TRACES_SAMPLED.labels(name, *_LABELS[vote]).inc()
            telemetry.SPANS_SAMPLED.labels(name, *_LABELS[vote]).inc(trace.span_count)
            if vote is Vote.DROPPED or (vote is Vote.SAMPLED and self._on_first_match):
                break
        sampled = is_sampled(votes)
        final = Vote.DROPPED if Vote.DROPPED in votes else Vote.NOT_SAMPLED
        telemetry.GLOBAL_TRACES_SAMPLED.labels(*_LABELS[Vote.SAMPLED if sampled else final]).inc()
        return sampled
