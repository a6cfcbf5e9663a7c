"""What ends the work of a query before it is done: its time is up, or nobody waits for it.

Loops that may run long ask `go_on`, wherever they are: kernels know no query, so what they ask is
set by who runs one.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

T = TypeVar("T")

_EACH: Final = 256


def _always() -> None:
    """The check of work that nobody stops."""


_CHECK: ContextVar[Callable[[], None]] = ContextVar("check", default=_always)


@contextmanager
def stoppable(check: Callable[[], None]) -> Iterator[None]:
    """What is done within, in this thread, asks `check`, which raises when it is to end."""
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)


def go_on() -> None:
    """Returns if the work is to go on; raises what `check` raises. Takes less than 1 µs."""
    _CHECK.get()()


def each(items: Iterable[T]) -> Iterator[T]:
    """The items; asks `go_on` now and then, and before the first."""
    for number, item in enumerate(items):
        if not number % _EACH:
            go_on()
        yield item
