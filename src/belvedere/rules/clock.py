"""Time, to be replaced in tests."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of day, and waiting for it."""

    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    """Unix milliseconds."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    """Seconds."""

    async def sleep_until(self, time_ms: int) -> None:
        """Wait for a time of day; not at all where it is over."""
        while (rest_ms := time_ms - self.now_ms()) > 0:
            await self.sleep(rest_ms / 1000)
