"""`retry_on_failure`: exponential backoff, as the Collector's `configretry`."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from pydantic import Field

from belvedere.collector.component import ComponentConfig
from belvedere.collector.duration import Duration
from belvedere.collector.errors import Retryable

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


class RetryConfig(ComponentConfig):
    """`retry_on_failure` of an exporter."""

    enabled: bool = Field(True, description="Whether a batch is sent again after a failure.")
    initial_interval: Duration = Field(5.0, description="Pause after the first failure.")
    multiplier: float = Field(1.5, ge=1, description="Factor from one pause to the next.")
    randomization_factor: float = Field(
        0.5, ge=0, le=1, description="Share of a pause by which it varies at random, both ways."
    )
    max_interval: Duration = Field(30.0, description="Longest pause between two attempts.")
    max_elapsed_time: Duration = Field(
        300.0, description="Time after which a batch is given up; 0s: never."
    )


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance, to be replaced in tests."""

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random
    """Uniform in [0, 1)."""


class Retry:
    """Repeats what fails with `Retryable`, until it succeeds or the time for it is over."""

    def __init__(self, config: RetryConfig, exporter_id: str, clock: Clock) -> None:
        self._config, self._id, self._clock = config, exporter_id, clock
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Cut all pauses short: what waits in one gets one last attempt."""
        self._stopping.set()

    async def call(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """The result of the first attempt that succeeds.

        A pause is at least what the peer asked for (`Retryable.after_s`).

        Raises:
            Retryable: the last attempt failed, and there is no time for another.
            Permanent: an attempt failed for good.
        """
        config = self._config
        begin_s = self._clock.now_s()
        interval_s = config.initial_interval
        while True:
            is_last = self._stopping.is_set()
            try:
                return await attempt()
            except Retryable as error:
                if not config.enabled or is_last:
                    raise
                spread = config.randomization_factor * (2 * self._clock.random() - 1)
                pause_s = max(interval_s * (1 + spread), error.after_s or 0.0)
                elapsed_s = self._clock.now_s() - begin_s
                if config.max_elapsed_time and elapsed_s + pause_s > config.max_elapsed_time:
                    raise Retryable(
                        f"given up after {elapsed_s:.0f} s (retry_on_failure::max_elapsed_time):"
                        f" {error}",
                        after_s=error.after_s,
                    ) from error
                log.info(
                    "send_failed_will_retry",
                    component=self._id,
                    error=str(error),
                    pause_s=round(pause_s, 1),
                )
            interval_s = min(interval_s * config.multiplier, config.max_interval)
            await self._pause(pause_s)

    async def _pause(self, pause_s: float) -> None:
        waits = [
            asyncio.ensure_future(self._clock.sleep(pause_s)),
            asyncio.ensure_future(self._stopping.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
