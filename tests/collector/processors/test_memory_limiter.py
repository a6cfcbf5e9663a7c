"""`memory_limiter`: refuses before memory runs out."""

from typing import Any

import pytest
from collector_samples import Recorder, batch_of, events, until
from pydantic import ValidationError
from structlog.testing import capture_logs

from belvedere.collector.component import Host
from belvedere.collector.errors import Retryable
from belvedere.collector.processors.memory_limiter import (
    Memory,
    MemoryLimiter,
    MemoryLimiterConfig,
    collect_memory,
    resident_bytes,
)
from belvedere.internal_telemetry import REGISTRY
from belvedere.otlp.signal import Signal

MIB = 1 << 20


class Machine:
    """A machine whose memory a test sets."""

    def __init__(self, used_mib: int = 0) -> None:
        self.used_mib, self.collected_mib, self.collections, self.now_s = used_mib, 0, 0, 100.0

    def collect(self) -> None:
        self.collections += 1
        self.used_mib -= self.collected_mib

    @property
    def memory(self) -> Memory:
        return Memory(
            lambda: self.used_mib * MIB, lambda: 2000 * MIB, self.collect, lambda: self.now_s
        )


def limiter(machine: Machine, consumer: Recorder | None = None, **config: Any) -> MemoryLimiter:
    return MemoryLimiter(
        MemoryLimiterConfig.model_validate({"limit_mib": 1000, "spike_limit_mib": 200} | config),
        Host("memory_limiter/test"),
        consumer or Recorder(),
        machine.memory,
    )


async def refuses(limiter: MemoryLimiter) -> bool:
    try:
        await limiter.consume(batch_of(Signal.TRACES))
    except Retryable:
        return True
    return False


@pytest.mark.parametrize(
    ("config", "soft_mib"),
    [
        ({}, 800),
        ({"spike_limit_mib": 0}, 800),
        ({"limit_mib": 500, "spike_limit_mib": 400}, 100),
        ({"limit_mib": 0, "spike_limit_mib": 0, "limit_percentage": 50}, 800),
        ({"limit_mib": 0, "limit_percentage": 50, "spike_limit_percentage": 10}, 800),
        ({"limit_percentage": 1}, 800),
    ],
    ids=str,
)
async def test_refuses_from_the_soft_limit_on(config: dict[str, Any], soft_mib: int) -> None:
    for used_mib, refused in ((soft_mib - 1, False), (soft_mib, True)):
        tested = limiter(Machine(used_mib), **config)
        tested.check()
        assert await refuses(tested) is refused


async def test_refusal_is_retryable_counted_and_ends() -> None:
    machine, recorder = Machine(900), Recorder()
    tested = limiter(machine, recorder, check_interval="3s")
    tested.check()
    name, labels = (
        "otelcol_processor_refused_log_records_total",
        {"processor": "memory_limiter/test"},
    )
    before = REGISTRY.get_sample_value(name, labels) or 0
    with pytest.raises(Retryable) as caught:
        await tested.consume(batch_of(Signal.LOGS, range(5)))
    assert caught.value.after_s == 3
    assert REGISTRY.get_sample_value(name, labels) == before + 5
    machine.used_mib = 700
    tested.check()
    await tested.consume(batch_of(Signal.LOGS, [1]))
    assert recorder.numbers == [1]


@pytest.mark.parametrize(
    ("used_mib", "seconds", "collections"),
    [
        pytest.param(700, [0], 0, id="below"),
        pytest.param(900, [0, 9], 1, id="soft-not-again-within-the-interval"),
        pytest.param(900, [0, 9, 10], 2, id="soft-again-after-it"),
        pytest.param(1000, [0, 1, 2], 3, id="hard-at-every-check"),
    ],
)
def test_collects(used_mib: int, seconds: list[int], collections: int) -> None:
    machine = Machine(used_mib)
    tested = limiter(machine)
    for second in seconds:
        machine.now_s = 100.0 + second
        tested.check()
    assert machine.collections == collections


async def test_a_collection_can_save_from_refusal() -> None:
    machine = Machine(1100)
    machine.collected_mib = 500
    tested = limiter(machine)
    tested.check()
    assert not await refuses(tested)


def test_tells_of_changes_only() -> None:
    machine = Machine(900)
    tested = limiter(machine)
    with capture_logs() as logs:
        for machine.used_mib in (900, 900, 100, 100):
            tested.check()
    assert events(logs, "warning") == [
        "memory_short_refusing_data",
        "memory_enough_accepting_data",
    ]


async def test_checks_while_it_runs() -> None:
    machine = Machine(0)
    tested = limiter(machine, check_interval="1ms")
    await tested.start()
    machine.used_mib = 900
    await until(lambda: machine.collections > 0)
    assert await refuses(tested)
    await tested.shutdown()
    await tested.shutdown()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "limit_mib or limit_percentage is required"),
        ({"limit_mib": 10, "spike_limit_mib": 10}, "spike_limit_mib must be less than limit_mib"),
        (
            {"limit_percentage": 10, "spike_limit_percentage": 11},
            "spike_limit_percentage must be less",
        ),
        ({"limit_percentage": 101}, "less than or equal to 100"),
        ({"limit_mib": 1, "check_interval": "0s"}, "greater than 0"),
        ({"limit_mib": 1, "min_gc_interval_when_hard_limited": "11s"}, "must not be less than"),
    ],
    ids=str,
)
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MemoryLimiterConfig.model_validate(config)


def test_the_real_machine() -> None:
    collect_memory()
    assert 1 << 20 < resident_bytes() < 1 << 40
