"""`memory_limiter`: refuses data before the process runs out of memory. It stands first.

Two limits, as in the Collector: from the soft limit (limit minus spike) on, data is refused with
a retryable error; from the hard limit on, memory is also collected at every check. What is
measured is the resident memory of the process: the embedded database's memory is not Python's.
"""

import asyncio
import ctypes
import gc
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import structlog
from pydantic import Field, model_validator

from belvedere.collector.cgroup import total_memory_bytes
from belvedere.collector.component import ComponentConfig, Consumer, Host
from belvedere.collector.duration import Duration, PositiveDuration
from belvedere.collector.errors import Retryable
from belvedere.collector.own_process import OWN_PROCESS
from belvedere.internal_telemetry import PROCESSOR_REFUSED
from belvedere.otlp.batch import Batch

_MIB = 1 << 20

log = structlog.get_logger(__name__)


class MemoryLimiterConfig(ComponentConfig):
    """`processors::memory_limiter`."""

    check_interval: PositiveDuration = Field(
        1.0, description="Time between two looks at the memory in use."
    )
    limit_mib: int = Field(
        0, ge=0, description="Hard limit in MiB; goes before limit_percentage. One is required."
    )
    spike_limit_mib: int = Field(
        0,
        ge=0,
        description="Most that may come between two checks, in MiB; 0: a fifth of the limit.",
    )
    limit_percentage: int = Field(
        0, ge=0, le=100, description="Hard limit as a share of the machine's or container's memory."
    )
    spike_limit_percentage: int = Field(
        0,
        ge=0,
        le=100,
        description="Spike limit as a share of that memory; 0: a fifth of the limit.",
    )
    min_gc_interval_when_soft_limited: Duration = Field(
        10.0, description="Least time between two collections above the soft limit."
    )
    min_gc_interval_when_hard_limited: Duration = Field(
        0.0, description="Least time between two collections above the hard limit."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.limit_mib and not self.limit_percentage:
            raise ValueError("limit_mib or limit_percentage is required and must not be 0")
        for limit, spike, unit in (
            (self.limit_mib, self.spike_limit_mib, "mib"),
            (self.limit_percentage, self.spike_limit_percentage, "percentage"),
        ):
            if limit and spike >= limit:
                raise ValueError(f"spike_limit_{unit} must be less than limit_{unit}")
        if self.min_gc_interval_when_soft_limited < self.min_gc_interval_when_hard_limited:
            raise ValueError(
                "min_gc_interval_when_soft_limited must not be less than"
                " min_gc_interval_when_hard_limited"
            )
        return self


def resident_bytes() -> int:
    """Memory of this process that is in use, as the operating system counts it."""
    return int(OWN_PROCESS.memory_info().rss)


def collect_memory() -> None:
    """Free unused objects, and give what the C library holds of them back to the system.

    Without the second step the resident memory would stay where it was, and so would the refusal.
    """
    gc.collect()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc has it; others return memory by themselves


@dataclass(frozen=True, slots=True)
class Memory:
    """The limiter's view of the machine."""

    used_bytes: Callable[[], int] = resident_bytes
    total_bytes: Callable[[], int] = total_memory_bytes
    collect: Callable[[], None] = collect_memory
    now_s: Callable[[], float] = time.monotonic


class MemoryLimiter:
    """Hands batches on while there is memory, and refuses them while there is not."""

    Config = MemoryLimiterConfig

    def __init__(
        self,
        config: MemoryLimiterConfig,
        host: Host,
        consumer: Consumer,
        memory: Memory | None = None,
    ) -> None:
        self._config, self._id, self._consumer = config, host.component_id, consumer
        self._memory = memory or Memory()
        if config.limit_mib:
            self._hard_bytes = config.limit_mib * _MIB
            spike_bytes = config.spike_limit_mib * _MIB
        else:
            total_bytes = self._memory.total_bytes()
            self._hard_bytes = total_bytes * config.limit_percentage // 100
            spike_bytes = total_bytes * config.spike_limit_percentage // 100
        self._soft_bytes = self._hard_bytes - (spike_bytes or self._hard_bytes // 5)
        self._refusing = False
        self._collected_s = -float("inf")
        self._checks: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look once, then every `check_interval`."""
        log.info(
            "memory_limited",
            component=self._id,
            hard_limit_mib=self._hard_bytes // _MIB,
            soft_limit_mib=self._soft_bytes // _MIB,
        )
        self.check()
        self._checks = asyncio.create_task(self._check_forever())

    async def consume(self, batch: Batch) -> None:
        """Hand the batch on.

        Raises:
            Retryable: memory is above the soft limit; or what follows asks for a retry.
            Permanent: what follows will never accept it.
        """
        if self._refusing:
            PROCESSOR_REFUSED[batch.signal].labels(self._id).inc(batch.items)
            raise Retryable(
                f"{self._id}: data is refused while memory is short",
                after_s=self._config.check_interval,
            )
        await self._consumer.consume(batch)

    async def shutdown(self) -> None:
        """End the checks."""
        if self._checks:
            self._checks.cancel()
            await asyncio.wait([self._checks])
            self._checks = None

    def check(self) -> None:
        """Compare the memory in use with the limits, and decide whether data is refused."""
        used_bytes = self._memory.used_bytes()
        if used_bytes >= self._hard_bytes:
            used_bytes = self._collect(
                used_bytes, "hard", self._config.min_gc_interval_when_hard_limited
            )
        elif used_bytes >= self._soft_bytes:
            used_bytes = self._collect(
                used_bytes, "soft", self._config.min_gc_interval_when_soft_limited
            )
        was_refusing, self._refusing = self._refusing, used_bytes >= self._soft_bytes
        if self._refusing != was_refusing:
            log.warning(
                "memory_short_refusing_data" if self._refusing else "memory_enough_accepting_data",
                component=self._id,
                used_mib=used_bytes // _MIB,
                soft_limit_mib=self._soft_bytes // _MIB,
            )

    def _collect(self, used_bytes: int, limit: str, interval_s: float) -> int:
        """Collect, unless that was done within the interval; the memory in use afterwards."""
        now_s = self._memory.now_s()
        if now_s - self._collected_s < interval_s:
            return used_bytes
        self._collected_s = now_s
        self._memory.collect()
        after_bytes = self._memory.used_bytes()
        log.info(
            "memory_collected",
            above=f"{limit} limit",
            component=self._id,
            before_mib=used_bytes // _MIB,
            after_mib=after_bytes // _MIB,
        )
        return after_bytes

    async def _check_forever(self) -> None:
        while True:
            await asyncio.sleep(self._config.check_interval)
            self.check()
