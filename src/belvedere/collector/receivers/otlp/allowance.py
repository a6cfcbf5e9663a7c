"""How many bytes there may be at once, of all who ask together."""

import threading
from types import TracebackType
from typing import Self


class Allowance:
    """A number of bytes that leases take from, in any thread."""

    def __init__(self, size_bytes: int) -> None:
        self.left_bytes, self.lock = size_bytes, threading.Lock()

    def lease(self) -> "Lease":
        """A part of it, within a context; nothing yet."""
        return Lease(self)


class Lease:
    """A context manager: what is taken within goes back at its end."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance, self._taken_bytes, self._is_over = allowance, 0, False

    def take(self, size_bytes: int) -> bool:
        """Whether there is so much left, and it is taken; never after the end."""
        with self._allowance.lock:
            if self._is_over or size_bytes > self._allowance.left_bytes:
                return False
            self._allowance.left_bytes -= size_bytes
            self._taken_bytes += size_bytes
            return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._allowance.lock:
            self._allowance.left_bytes += self._taken_bytes
            self._is_over = True
