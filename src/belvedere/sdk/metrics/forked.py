"""Metrics in a forked child: locks that a thread of the parent held at the fork are let go.

That thread is not in the child, so nobody would, and the child's first value, or its exit, would
wait for it for good. The SDK renews its provider's own locks, but none of those below, which every
value takes. What the locks guard is sound all the same: a fork happens between two steps of the
interpreter, and at worst lacks one value.
"""

import threading
from collections.abc import Iterator
from typing import Any, Final

from opentelemetry.sdk.metrics import MeterProvider

_LOCKS: Final = {type(make()): make for make in (threading.Lock, threading.RLock)}
"""Type → what makes one."""


def renew_locks(provider: MeterProvider) -> None:
    """Give all that counts for `provider` locks of its own. In a child, right after the fork."""
    for each in _all_that_counts(provider):
        for name, value in list(vars(each).items()):
            make = _LOCKS.get(type(value))
            if make is not None:
                setattr(each, name, make())


def _all_that_counts(provider: Any) -> Iterator[Any]:
    """What has locks below a provider. The SDK has no public names for them."""
    yield from provider._meters.values()  # noqa: SLF001
    consumer = provider._measurement_consumer  # noqa: SLF001
    yield consumer
    for reader, storage in consumer._reader_storages.items():  # noqa: SLF001
        yield reader
        yield storage
        for streams in storage._instrument_view_instrument_matches.values():  # noqa: SLF001
            for stream in streams:
                yield stream
                for aggregation in stream._attributes_aggregation.values():  # noqa: SLF001
                    yield aggregation
                    yield from _reservoirs(aggregation)


def _reservoirs(aggregation: Any) -> Iterator[Any]:
    reservoir = getattr(aggregation, "_reservoir", None)
    if reservoir is not None:
        yield reservoir
