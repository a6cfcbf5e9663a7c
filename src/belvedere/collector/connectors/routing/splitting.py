"""A request in two: what meets a condition, and the rest."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from belvedere.collector.ottl import Context, Record
from belvedere.otlp.batch import Batch
from belvedere.otlp.levels import LEVELS, points_of
from belvedere.otlp.signal import Signal

Take: TypeAlias = Callable[[Record], bool]


def split(batch: Batch, message: Any, context: Context, take: Take) -> tuple[Any, Any]:
    """Split by a condition on the resources, or on records or data points.

    Args:
        batch: what the request is of.
        message: the request. It is not changed, but what is returned may be it.
        context: what the condition looks at.
        take: the condition.

    Returns:
        What meets the condition, and the rest; None for one that is empty.

    Raises:
        EvaluationError: as the condition does.
    """
    signal = batch.signal
    marks = list(_marks(signal, message, context, take, Record(metadata=batch.metadata)))
    if not any(marks):
        return None, message
    if all(marks):
        return message, None
    return _chosen(signal, message, context, marks), _chosen(
        signal, message, context, [not mark for mark in marks]
    )


def _marks(
    signal: Signal, message: Any, context: Context, take: Take, record: Record
) -> Iterator[bool]:
    """Whether each of what the condition looks at meets it, in order."""
    levels = LEVELS[signal]
    for resource in getattr(message, levels.resources):
        record.resource = resource
        if context is Context.RESOURCE:
            record.cache = None
            yield take(record)
            continue
        for scope in getattr(resource, levels.scopes):
            record.scope = scope
            for item in getattr(scope, levels.records):
                for part in points_of(item) if context is Context.DATAPOINT else (item,):
                    if context is Context.DATAPOINT:
                        record.metric = item
                    setattr(record, context, part)
                    record.cache = None
                    yield take(record)


def _chosen(signal: Signal, message: Any, context: Context, marks: Sequence[bool]) -> Any:
    """A request of what is marked, under copies of what it is in."""
    levels, mark = LEVELS[signal], iter(marks)
    chosen = signal.request_type()
    resources = getattr(chosen, levels.resources)
    for resource in getattr(message, levels.resources):
        if context is Context.RESOURCE:
            if next(mark):
                resources.append(resource)
            continue
        own = resources.add(resource=resource.resource, schema_url=resource.schema_url)
        own_scopes = getattr(own, levels.scopes)
        for scope in getattr(resource, levels.scopes):
            own_scope = own_scopes.add(scope=scope.scope, schema_url=scope.schema_url)
            kept = getattr(own_scope, levels.records)
            items = getattr(scope, levels.records)
            if context is Context.DATAPOINT:
                _copy_points(items, kept, mark)
            else:
                kept.extend(item for item in items if next(mark))
            if not kept:
                del own_scopes[-1]
        if not own_scopes:
            del resources[-1]
    return chosen


def _copy_points(metrics: Any, kept: Any, mark: Iterator[bool]) -> None:
    """Copy the metrics that have marked points, with these alone."""
    for metric in metrics:
        wanted = [next(mark) for _ in points_of(metric)]
        if any(wanted):
            kept.append(metric)
            points = points_of(kept[-1])
            for index in range(len(wanted) - 1, -1, -1):
                if not wanted[index]:
                    del points[index]
