"""Votes of policies, and what follows from them."""

from collections.abc import Collection
from enum import Enum, auto
from typing import Final, Protocol

from belvedere.collector.processors.tail_sampling.trace import Trace


class Vote(Enum):
    """What a policy says about a trace."""

    SAMPLED = auto()
    NOT_SAMPLED = auto()
    DROPPED = auto()
    """Whatever others say."""
    INVERT_SAMPLED = auto()
    """Nothing speaks against it: sampled, if nobody else says NOT_SAMPLED."""
    INVERT_NOT_SAMPLED = auto()
    """Something speaks against it: not sampled, whatever others say, but for DROPPED."""


FOR: Final = frozenset({Vote.SAMPLED, Vote.INVERT_SAMPLED})
"""The votes that count as sampled where policies are combined."""


class PolicyError(Exception):
    """A policy cannot say anything about this trace: it has no vote."""


class Evaluator(Protocol):
    """A policy at work."""

    def vote(self, trace: Trace) -> Vote:
        """What it says.

        Raises:
            PolicyError: it cannot say anything.
        """
        ...


def is_sampled(votes: Collection[Vote]) -> bool:
    """The decision that follows from the votes of all policies."""
    if Vote.DROPPED in votes or Vote.INVERT_NOT_SAMPLED in votes:
        return False
    if Vote.SAMPLED in votes:
        return True
    return Vote.INVERT_SAMPLED in votes and Vote.NOT_SAMPLED not in votes
