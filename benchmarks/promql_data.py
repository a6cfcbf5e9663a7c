"""The series that PromQL is measured on, as remote write requests in the order of time."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from belvedere.prometheus.remote_write.messages import WriteRequest
from belvedere.prometheus.remote_write.snappy import compress

BUCKETS: Final = ("0.1", "0.25", "0.5", "1", "2.5", "5", "10", "20", "30", "60", "+Inf")
STEP_S: Final = 30
_STEPS_A_REQUEST: Final = 10


@dataclass(frozen=True, slots=True)
class Scale:
    """How much there is."""

    pods: int = 1000
    containers: int = 3
    hours: float = 6.0
    wide: int = 100_000
    """Series of `wide`, with a sample each 30 s in the last two minutes only."""

    @property
    def steps(self) -> int:
        """Samples of a series."""
        return round(self.hours * 3600 / STEP_S)

    @property
    def samples(self) -> int:
        """Of all series."""
        return self.pods * (self.containers + len(BUCKETS)) * self.steps + 4 * self.wide


@dataclass(slots=True)
class _Counter:
    labels: tuple[tuple[str, str], ...]
    rate: float
    value: float = 0.0


def requests(scale: Scale, end_s: int) -> Iterator[tuple[bytes, int]]:
    """Compressed requests of remote write 1.0, and the samples in each. Seeded: always the same.

    Args:
        scale: how much.
        end_s: time of the last sample.
    """
    chance = random.Random(7)
    counters = _counters(scale, chance)
    start_s = end_s - (scale.steps - 1) * STEP_S
    for first in range(0, scale.steps, _STEPS_A_REQUEST):
        steps = range(first, min(first + _STEPS_A_REQUEST, scale.steps))
        yield _request(counters, [start_s + STEP_S * step for step in steps], chance)
    wide = [
        _Counter((("__name__", "wide"), ("id", f"{number:06}"), ("job", "agents")), 1.0, number)
        for number in range(scale.wide)
    ]
    for first in range(0, scale.wide, 20_000):
        times_s = [end_s - STEP_S * back for back in (3, 2, 1, 0)]
        yield _request(wide[first : first + 20_000], times_s, chance)


def _counters(scale: Scale, chance: random.Random) -> list[_Counter]:
    found = []
    for pod in range(scale.pods):
        shared = (("namespace", "agents"), ("pod", f"agent-{pod:04}"))
        instance = ("instance", f"10.0.{pod // 250}.{pod % 250}:8080")
        for container in range(scale.containers):
            labels = (
                ("__name__", "http_requests_total"),
                ("container", f"container-{container}"),
                instance,
                ("job", "agents"),
                *shared,
            )
            found.append(_Counter(labels, chance.uniform(0.5, 50)))
        weight = chance.uniform(0.1, 5)
        for number, bound in enumerate(BUCKETS):
            labels = (
                ("__name__", "llm_call_duration_seconds_bucket"),
                instance,
                ("job", "agents"),
                ("le", bound),
                *shared,
            )
            found.append(_Counter(labels, weight * (number + 1)))
    return found


def _request(
    counters: list[_Counter], times_s: list[int], chance: random.Random
) -> tuple[bytes, int]:
    request = WriteRequest()
    for counter in counters:
        series = request.timeseries.add()
        for name, value in counter.labels:
            series.labels.add(name=name, value=value)
        samples = series.samples
        for time_s in times_s:
            counter.value += float(round(counter.rate * STEP_S * chance.uniform(0.5, 1.5)))
            samples.add(value=counter.value, timestamp=time_s * 1000)
    return compress(request.SerializeToString()), len(counters) * len(times_s)
