"""Dropping of what meets conditions, outermost first."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from belvedere.collector.ottl import Condition, Context, Record
from belvedere.collector.ottl.record import data_points
from belvedere.otlp.signal import Signal

_Goes: TypeAlias = Callable[[Any], bool]
"""From an element of a list to whether it is to be dropped."""

_LISTS: Final = {
    Signal.TRACES: ("resource_spans", "scope_spans", "spans"),
    Signal.METRICS: ("resource_metrics", "scope_metrics", "metrics"),
    Signal.LOGS: ("resource_logs", "scope_logs", "log_records"),
}


class Sieve:
    """Drops from the messages of one signal. One sieve serves one message at a time."""

    def __init__(self, signal: Signal, drops: Mapping[Context, Condition]) -> None:
        """Take the conditions of each context that has some."""
        self._resources, self._scopes, self._items = _LISTS[signal]
        self._drops, self._record, self._dropped = drops, Record(), False
        self._item_goes: _Goes | None = None
        if drops.keys() & {Context.SPAN, Context.SPANEVENT}:
            self._item_goes = self._span_goes
        elif drops.keys() & {Context.METRIC, Context.DATAPOINT}:
            self._item_goes = self._metric_goes
        elif Context.LOG in drops:
            self._item_goes = self._log_goes

    def drop_from(self, message: Any, metadata: Mapping[str, tuple[str, ...]]) -> bool:
        """Drop, in place, what meets a condition, and what holds nothing any more then.

        Args:
            message: the request.
            metadata: that of its batch.

        Returns:
            Whether anything was dropped.

        Raises:
            EvaluationError: as the conditions do.
        """
        self._dropped, self._record.metadata = False, metadata
        self._drop(getattr(message, self._resources), self._resource_goes)
        return self._dropped

    def _drop(self, elements: Any, goes: _Goes) -> bool:
        """Delete the elements that go; whether one did."""
        gone = [index for index, element in enumerate(elements) if goes(element)]
        end = len(gone)
        while end:
            start = end - 1  # a run of neighbours is deleted at once
            while start and gone[start - 1] == gone[start] - 1:
                start -= 1
            del elements[gone[start] : gone[end - 1] + 1]
            end = start
        self._dropped = self._dropped or bool(gone)
        return bool(gone)

    def _meets(self, context: Context) -> bool:
        condition = self._drops.get(context)
        return condition is not None and condition(self._record)

    def _resource_goes(self, resource: Any) -> bool:
        self._record.resource = resource
        if self._meets(Context.RESOURCE):
            return True
        if self._item_goes is None and Context.SCOPE not in self._drops:
            return False
        scopes = getattr(resource, self._scopes)
        return self._drop(scopes, self._scope_goes) and not scopes

    def _scope_goes(self, scope: Any) -> bool:
        self._record.scope = scope
        if self._meets(Context.SCOPE):
            return True
        if self._item_goes is None:
            return False
        items = getattr(scope, self._items)
        return self._drop(items, self._item_goes) and not items

    def _span_goes(self, span: Any) -> bool:
        self._record.span = span
        if self._meets(Context.SPAN):
            return True
        if Context.SPANEVENT in self._drops:
            self._drop(span.events, self._event_goes)
        return False

    def _event_goes(self, event: Any) -> bool:
        self._record.spanevent = event
        return self._meets(Context.SPANEVENT)

    def _metric_goes(self, metric: Any) -> bool:
        self._record.metric = metric
        if self._meets(Context.METRIC):
            return True
        if Context.DATAPOINT not in self._drops:
            return False
        if metric.WhichOneof("data") is None:
            return False
        points = data_points(metric)
        self._drop(points, self._point_goes)
        return not points  # also of a metric that came without, as upstream's processor

    def _point_goes(self, point: Any) -> bool:
        self._record.datapoint = point
        return self._meets(Context.DATAPOINT)

    def _log_goes(self, log: Any) -> bool:
        self._record.log = log
        return self._meets(Context.LOG)
