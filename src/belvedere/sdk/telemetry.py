"""The handle that `init` returns."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Final

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

_log = logging.getLogger("belvedere.sdk")

FLUSH_TIMEOUT_S: Final = 10.0
SHUTDOWN_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Part:
    """Something that `init` added to a provider.

    Attributes:
        flush: delivers what it holds, within the seconds given; whether it did.
        shutdown: the same, and ends it.
    """

    flush: Callable[[float], bool]
    shutdown: Callable[[float], bool]


class Telemetry(AbstractContextManager["Telemetry"]):
    """An application's telemetry, from `belvedere.init` to `shutdown`.

    Attributes:
        tracer_provider: the provider that spans are recorded through.
        meter_provider: the same for metrics.
        logger_provider: the same for log records.
        resource: who speaks.
        instrumented: library → `activated`, `when imported`, or why it is not instrumented.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider,
        meter_provider: MeterProvider,
        logger_provider: LoggerProvider,
        resource: Resource,
        parts: tuple[Part, ...] = (),
        undo: tuple[Callable[[], None], ...] = (),
        instrumented: Mapping[str, str] | None = None,
    ) -> None:
        self.tracer_provider = tracer_provider
        self.meter_provider = meter_provider
        self.logger_provider = logger_provider
        self.resource = resource
        self.instrumented: Mapping[str, str] = {} if instrumented is None else instrumented
        self._parts = parts
        self._undo = undo
        self._ended = False
        self._ending = threading.Lock()

    @property
    def ended(self) -> bool:
        """Whether `shutdown` was called."""
        return self._ended

    def force_flush(self, timeout_s: float = FLUSH_TIMEOUT_S) -> bool:
        """Deliver all that was recorded so far.

        Returns:
            Whether it was delivered within the time.
        """
        return self._each([part.flush for part in self._parts], timeout_s)

    def shutdown(self, timeout_s: float = SHUTDOWN_TIMEOUT_S) -> bool:
        """Deliver all that was recorded, and end. What is recorded later is ignored.

        Safe to repeat. Providers that were there before `init` go on without us.

        Returns:
            Whether everything was delivered within the time.
        """
        return self._end(self._undo, timeout_s)

    def _end_with_the_process(self, timeout_s: float) -> bool:
        """As `shutdown`, but nothing is undone: what the application logs later is printed."""
        return self._end((), timeout_s)

    def _end(self, undo: tuple[Callable[[], None], ...], timeout_s: float) -> bool:
        with self._ending:
            if self._ended:
                return True
            self._ended = True
        for each in undo:
            _quietly(each)
        return self._each([part.shutdown for part in self._parts], timeout_s)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()

    def _each(self, steps: list[Callable[[float], bool]], timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        done = True
        for step in steps:
            left_s = max(0.0, deadline - time.monotonic())
            done = _quietly(partial(step, left_s)) is not False and done
        return done


def _quietly(step: Callable[[], object]) -> object:
    try:
        return step()
    except Exception:  # noqa: BLE001 - an application must not fail for its telemetry's sake
        _log.warning("telemetry could not be ended cleanly", exc_info=True)
        return False
