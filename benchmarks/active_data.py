"""Series as a cluster has them: targets with counters, histograms and gauges, each at its time."""

import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from belvedere.prometheus.remote_write.messages import WriteRequest
from belvedere.prometheus.remote_write.snappy import compress

INTERVAL_S: Final = 15
SAMPLES_A_REQUEST: Final = 2000
"""Prometheus's default (`max_samples_per_send`)."""

_BUCKETS: Final = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "+Inf")
_ROUTES: Final = tuple(f"/api/v1/{name}" for name in "agents runs calls tools spans users".split())
_CODES: Final = ("200", "201", "404", "429", "500")

_Labels = tuple[tuple[str, str], ...]
_Next = Callable[[random.Random, float, float], float]
"""The next value, of a source of chance, the value before and the pace of the series."""


def _counter(chance: random.Random, before: float, pace: float) -> float:
    return before + int(pace * (0.5 + chance.random()))


def _idle(chance: random.Random, before: float, _: float) -> float:
    return before + (chance.random() < 0.01)


def _seconds(chance: random.Random, before: float, pace: float) -> float:
    return round(before + pace * chance.random() / 10, 2)


def _sum(chance: random.Random, before: float, pace: float) -> float:
    return before + pace * chance.random()


def _bytes(chance: random.Random, before: float, _: float) -> float:
    return max(1 << 26, before) + 4096 * int(64 * (chance.random() - 0.5))


def _depth(chance: random.Random, before: float, _: float) -> float:
    return max(0.0, before + int(4 * chance.random()) - 1.5 // 1)


def _ratio(chance: random.Random, _: float, __: float) -> float:
    return 0.9 + 0.1 * chance.random()


def _constant(_: random.Random, __: float, pace: float) -> float:
    return float(int(pace * 1000))


def _each(name: str, values: Sequence[str]) -> list[_Labels]:
    return [((name, value),) for value in values]


def _numbered(name: str, count: int) -> list[_Labels]:
    return _each(name, [f"{name}-{number:02}" for number in range(count)])


_CALLS: Final = [
    (("method", method), ("route", route)) for route in _ROUTES for method in ("GET", "POST")
]
_FAMILIES: Final[tuple[tuple[str, list[_Labels], _Next], ...]] = (
    (
        "http_request_duration_seconds_bucket",
        [(("le", bound), *call) for call in _CALLS for bound in _BUCKETS],
        _counter,
    ),
    ("http_request_duration_seconds_sum", list(_CALLS), _sum),
    ("http_request_duration_seconds_count", list(_CALLS), _counter),
    (
        "http_requests_total",
        [(("code", code), ("route", route)) for route in _ROUTES for code in _CODES[:3]],
        _counter,
    ),
    (
        "http_errors_total",
        [(("code", code), ("route", route)) for route in _ROUTES for code in _CODES[3:]],
        _idle,
    ),
    ("rpc_client_requests_total", _numbered("peer", 80), _idle),
    ("process_cpu_seconds_total", _numbered("process", 8), _seconds),
    ("container_memory_working_set_bytes", _numbered("container", 24), _bytes),
    ("container_network_receive_bytes_total", _numbered("device", 24), _counter),
    ("queue_depth", _numbered("queue", 32), _depth),
    ("cache_hit_ratio", _numbered("cache", 16), _ratio),
    ("kube_pod_container_resource_limits", _numbered("resource", 96), _constant),
    ("build_info", _numbered("component", 33), _constant),
    ("up", [()], _constant),
)
SERIES_A_TARGET: Final = sum(len(labels) for _, labels, _ in _FAMILIES)


@dataclass(slots=True)
class _Series:
    message: Any
    """A `TimeSeries` with its labels."""
    next: _Next
    pace: float
    value: float = 0.0


@dataclass(slots=True)
class Target:
    """What is scraped at once."""

    number: int
    series: list[_Series] = field(default_factory=list)

    @property
    def offset_ms(self) -> int:
        """When in an interval it is scraped: each at another time, as Prometheus does."""
        return zlib.crc32(str(self.number).encode()) % (INTERVAL_S * 1000)


def targets(count: int) -> list[Target]:
    """So many targets. Seeded: always the same."""
    chance = random.Random(11)
    found = []
    for number in range(count):
        target = Target(number)
        shared = (
            ("cluster", "eu-1"),
            ("instance", f"10.1.{number // 250}.{number % 250}:8080"),
            ("job", ("agents", "gateway", "tools", "web")[number % 4]),
            ("namespace", f"team-{number % 10}"),
            ("pod", f"agents-{zlib.crc32(str(number).encode()):08x}-{number:04}"),
        )
        for name, several, next_ in _FAMILIES:
            for own in several:
                message = WriteRequest().timeseries.add()
                for label, value in sorted((("__name__", name), *shared, *own)):
                    message.labels.add(name=label, value=value)
                pace = 1.0 if name == "up" else chance.uniform(0.5, 500)
                target.series.append(_Series(message, next_, pace))
        found.append(target)
    return found


def history(several: Sequence[Target], start_s: int, steps: int) -> Iterator[tuple[bytes, int]]:
    """Requests with the samples of so many intervals from a time on, and how many each has."""
    chance = random.Random(13)
    for first in range(0, steps, 20):
        for target in several:
            times_ms = [
                (start_s + INTERVAL_S * step) * 1000 + target.offset_ms
                for step in range(first, min(first + 20, steps))
            ]
            yield _request(target.series, times_ms, chance)


def live(target: Target, at_ms: int, chance: random.Random) -> Iterator[tuple[bytes, int]]:
    """Requests with one scrape of a target, and how many samples each has."""
    for first in range(0, len(target.series), SAMPLES_A_REQUEST):
        yield _request(target.series[first : first + SAMPLES_A_REQUEST], [at_ms], chance)


def _request(
    several: Sequence[_Series], times_ms: Sequence[int], chance: random.Random
) -> tuple[bytes, int]:
    request = WriteRequest()
    for each in several:
        message = request.timeseries.add()
        message.MergeFrom(each.message)
        value, next_, pace = each.value, each.next, each.pace
        add = message.samples.add
        for time_ms in times_ms:
            value = next_(chance, value, pace)
            add(value=value, timestamp=time_ms)
        each.value = value
    return compress(request.SerializeToString()), len(several) * len(times_ms)
