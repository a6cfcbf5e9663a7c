"""How many spans a sampled span stands for, by the threshold in its trace state (OTEP 235)."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from belvedere.collector.processors.probabilistic_sampler.threshold import NEVER, parse_threshold

_CACHED: Final = 4096


class Weights:
    """Whole numbers whose mean is right: 1 of 2.5 spans counts as 2 or 3, evenly."""

    def __init__(self, random: Callable[[], float]) -> None:
        """Round with `random`, of numbers from 0 up to 1."""
        self._random = random

    def of(self, trace_state: str) -> tuple[int, bool]:
        """The weight, and whether a threshold says it; without one, a span is itself."""
        exact = exact_weight(trace_state)
        if exact is None:
            return 1, False
        whole = int(exact)
        return whole + (self._random() < exact - whole), True


@lru_cache(_CACHED)
def exact_weight(trace_state: str) -> float | None:
    """1 / the probability of sampling; None: the trace state has no valid threshold.

    >>> exact_weight("rojo=1,ot=th:c;rv:abcdef01234567"), exact_weight("rojo=1")
    (4.0, None)
    """
    for entry in trace_state.split(","):
        vendor, _, value = entry.strip().partition("=")
        if vendor != "ot":
            continue
        for part in value.split(";"):
            key, _, text = part.partition(":")
            if key == "th":
                try:
                    return NEVER / (NEVER - parse_threshold(text))
                except ValueError:
                    return None
    return None
