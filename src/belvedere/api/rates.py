"""How much comes in: the receivers' counters, and how fast they grew over the last minute."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import Counter, Gauge

from belvedere.internal_telemetry import RECEIVER_ACCEPTED

_EVERY_S: Final = 5.0
_WINDOW_S: Final = 60.0


def total(metric: Counter | Gauge, **labels: str) -> float:
    """The sum over all label values of a counter or gauge that has these among its labels."""
    return sum(
        sample.value
        for family in metric.collect()
        for sample in family.samples
        if not sample.name.endswith("_created") and labels.items() <= sample.labels.items()
    )


class AcceptedRates:
    """Samples the counters every few seconds, so that one question can be answered at once."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._samples: deque[tuple[float, Mapping[str, float]]] = deque()
        self.sample()

    def sample(self) -> None:
        """Remember the counters' present values, and forget those from before the window."""
        now_s = self._clock_s()
        self._samples.append((now_s, accepted()))
        while len(self._samples) > 1 and self._samples[1][0] <= now_s - _WINDOW_S:
            self._samples.popleft()

    def per_second(self) -> dict[str, float]:
        """Items accepted a second, by signal, over the last minute or since the start."""
        then_s, then = self._samples[0]
        elapsed_s = self._clock_s() - then_s
        return {
            signal: (count - then.get(signal, 0)) / elapsed_s if elapsed_s > 0 else 0.0
            for signal, count in accepted().items()
        }

    async def run(self) -> None:
        """Sample for good; cancel it to end it."""
        while True:
            await asyncio.sleep(_EVERY_S)
            self.sample()


def accepted() -> dict[str, float]:
    """Items accepted since the start, by signal."""
    return {signal: total(counter) for signal, counter in RECEIVER_ACCEPTED.items()}
