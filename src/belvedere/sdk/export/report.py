"""Says once when telemetry cannot be sent, and once when it can again."""

import logging
import os
import threading
import time
from collections import Counter
from typing import Final
from weakref import WeakSet

from belvedere.sdk.export.outcome import Delivered, Outcome, Refused, Retry

_log = logging.getLogger("belvedere.sdk")


class Report:
    """What became of the telemetry for one address, counted, and its log lines.

    The three signals of an application share one: an address that does not answer is one event.

    Attributes:
        counts: items by fate: `delivered`, `refused`, `dropped`.
    """

    def __init__(self, address: str) -> None:
        self.counts: Counter[str] = Counter()
        self._address = address
        self._begin()
        _reports.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._down_since: float | None = None
        self._said: set[str] = set()

    def outcome(self, signal: str, items: int, outcome: Outcome) -> None:
        """Count `items` of `signal`, and say what is new."""
        with self._lock:
            if isinstance(outcome, Retry):
                self._lost_touch(outcome.reason)
            elif isinstance(outcome, Refused):
                self.counts["refused"] += items
                self._once(
                    f"{signal}: {outcome.reason}",
                    "%s refuses %s: %s. The application is not affected; its %s are lost.",
                    self._address,
                    signal,
                    outcome.reason,
                    signal,
                )
            else:
                self._delivered(signal, items, outcome)

    def dropped(self, signal: str, items: int) -> None:
        """Count `items` that were thrown away before an attempt to send them succeeded."""
        with self._lock:
            self.counts["dropped"] += items
            if self._down_since is None:
                self._once(
                    "overflow",
                    "%s are dropped: they come faster than %s takes them. Sample"
                    " (sampling_ratio=), or give the queue room (queue_size=).",
                    signal,
                    self._address,
                )

    def _lost_touch(self, reason: str) -> None:
        if self._down_since is None:
            self._down_since = time.monotonic()
            _log.warning(
                "telemetry cannot be sent to %s: %s. The application is not affected; what its"
                " queues hold is sent when the address answers. Start a receiver there"
                " (belvedere up), or name the right one: endpoint= or"
                " OTEL_EXPORTER_OTLP_ENDPOINT.",
                self._address,
                reason,
            )

    def _delivered(self, signal: str, items: int, outcome: Delivered) -> None:
        self.counts["delivered"] += items - outcome.rejected
        if outcome.rejected:
            self.counts["refused"] += outcome.rejected
            self._once(
                outcome.reason,
                "%s refuses some %s: %s",
                self._address,
                signal,
                outcome.reason or "it does not say why",
            )
        if self._down_since is not None:
            _log.warning(
                "telemetry is sent to %s again, after %.0f s; dropped so far: %d",
                self._address,
                time.monotonic() - self._down_since,
                self.counts["dropped"],
            )
            self._down_since = None

    def _once(self, what: str, message: str, *arguments: object) -> None:
        if what not in self._said and len(self._said) < _DIFFERENT_LINES:
            self._said.add(what)
            _log.warning(message, *arguments)


_DIFFERENT_LINES: Final = 20
_reports: Final["WeakSet[Report]"] = WeakSet()


def _after_fork_in_child() -> None:
    for report in list(_reports):
        report._begin()  # noqa: SLF001 - this module's own
        report.counts.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
