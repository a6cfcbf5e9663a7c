"""`attributes`: changes attributes of spans, metric data points and log records."""

from typing import Any

from pydantic import Field

from belvedere.collector.component import Consumer, Host
from belvedere.collector.non_empty import NonEmpty
from belvedere.collector.processors.attribute_actions.action import Action
from belvedere.collector.processors.attribute_actions.plan import Actions
from belvedere.collector.processors.attribute_actions.steps import Append, Step
from belvedere.collector.processors.matching.matcher import Matcher, everything
from belvedere.collector.processors.matching.properties import MatchConfig
from belvedere.collector.processors.rewriting import RewritingProcessor, rewritten
from belvedere.otlp.batch import Batch
from belvedere.otlp.levels import points_of, scopes_of
from belvedere.otlp.signal import Signal
from belvedere.otlp.splice import append_attributes


class AttributesConfig(MatchConfig):
    """`processors::attributes`."""

    actions: NonEmpty[Action] = Field(
        description="What is done to the attributes of each item, in order."
    )


class AttributesProcessor(RewritingProcessor):
    """Applies actions to the items that `include` and `exclude` select."""

    Config = AttributesConfig

    def __init__(self, config: AttributesConfig, host: Host, consumer: Consumer) -> None:
        super().__init__(host, consumer)
        self._actions = Actions(config.actions)
        self._matcher = Matcher(config)
        self._changes_all = config.include is None and config.exclude is None

    def rewrite(self, batch: Batch) -> Batch:
        """The batch with changed attributes; unparsed, if actions only add some, or do nothing."""
        steps = self._actions.steps(batch)
        if not steps:
            return batch
        added = [step.pair for step in steps if isinstance(step, Append)]
        if self._changes_all and len(added) == len(steps):
            data = append_attributes(batch.signal, batch.data, added)
            if data is not None:
                return batch.with_data(data)
        message = batch.take_message()
        for resource, scope, items in scopes_of(batch.signal, message):
            test = self._matcher.of_scope(resource.resource, scope.scope)
            if test is None:
                continue
            selected = items if test is everything else filter(test, items)
            if batch.signal is Signal.METRICS:
                selected = (point for metric in selected for point in points_of(metric))
            _apply(steps, selected)
        return rewritten(batch, message)


def _apply(steps: list[Step], items: Any) -> None:
    for item in items:
        attributes = item.attributes
        for step in steps:
            step(attributes)
