"""A batch in pieces of a bounded size, each with its resource and scope."""

from collections.abc import Iterator
from typing import Any

from belvedere.otlp.batch import Batch
from belvedere.otlp.levels import LEVELS, points_of
from belvedere.otlp.signal import Signal


def split(batch: Batch, maximum: int) -> Iterator[Batch]:
    """Pieces of at most `maximum` items with all of the batch's items, in order.

    A batch within the bound comes back as it is, unparsed. A metric with more data points than
    fit is divided among pieces; each part keeps name, unit, type and temporality.
    """
    if batch.items <= maximum:
        yield batch
    else:
        yield from _Splitter(batch, maximum).pieces()


def split_by_bytes(batch: Batch, maximum: int) -> Iterator[Batch]:
    """As `split`, but the bound is of bytes. An item that is larger alone is a piece of its own."""
    if len(batch.data) <= maximum or batch.items <= 1:
        yield batch
        return
    # At most half of the items, so that it ends also where a few of them have most of the bytes.
    share = min(batch.items * maximum // len(batch.data), (batch.items + 1) // 2)
    for piece in split(batch, max(1, share)):
        yield from split_by_bytes(piece, maximum)


class _Splitter:
    """Copies records to requests under construction, with the envelope that each one stood in."""

    def __init__(self, batch: Batch, maximum: int) -> None:
        self._batch, self._maximum = batch, maximum
        self._levels = LEVELS[batch.signal]
        self._resource: Any = None
        self._scope: Any = None
        self._into_resource: Any = None
        self._into_scope: Any = None
        self._begin()

    def pieces(self) -> Iterator[Batch]:
        levels = self._levels
        for resource in getattr(self._batch.message, levels.resources):
            self._resource, self._into_resource = _without(resource, levels.scopes), None
            for scope in getattr(resource, levels.scopes):
                self._scope, self._into_scope = _without(scope, levels.records), None
                for record in getattr(scope, levels.records):
                    yield from self._place(record)
        if not self._empty:
            yield self._finished()

    def _place(self, record: Any) -> Iterator[Batch]:
        """Add a record to the piece under construction; yields each piece that it fills."""
        points = points_of(record) if self._batch.signal is Signal.METRICS else [record]
        if self._items + len(points) <= self._maximum:
            self._copy().CopyFrom(record)
            self._items += len(points)
            if self._items == self._maximum:
                yield self._finished()
            return
        envelope = type(record)()
        envelope.CopyFrom(record)
        del points_of(envelope)[:]
        start = 0
        while start < len(points):
            end = start + self._maximum - self._items
            part = self._copy()
            part.CopyFrom(envelope)
            points_of(part).extend(points[start:end])
            self._items += min(end, len(points)) - start
            start = end
            if self._items == self._maximum:
                yield self._finished()

    def _copy(self) -> Any:
        """A new record, in copies of the resource and scope that are being read."""
        self._empty = False
        if self._into_resource is None:
            self._into_resource = getattr(self._message, self._levels.resources).add()
            self._into_resource.CopyFrom(self._resource)
        if self._into_scope is None:
            self._into_scope = getattr(self._into_resource, self._levels.scopes).add()
            self._into_scope.CopyFrom(self._scope)
        return getattr(self._into_scope, self._levels.records).add()

    def _begin(self) -> None:
        self._message = self._batch.signal.request_type()
        self._items = 0
        self._empty = True
        self._into_resource = self._into_scope = None

    def _finished(self) -> Batch:
        batch = self._batch
        piece = Batch.of(
            batch.signal, self._message, project=batch.project, metadata=batch.metadata
        )
        self._begin()
        return piece


def _without(message: Any, nested: str) -> Any:
    """A copy of a resource's or scope's entry with everything but what is nested in it."""
    copy = type(message)()
    copy.CopyFrom(message)
    copy.ClearField(nested)
    return copy
