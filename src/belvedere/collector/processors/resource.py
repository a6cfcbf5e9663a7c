"""`resource`: changes attributes of resources."""

from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from pydantic import Field

from belvedere.collector.component import ComponentConfig, Consumer, Host
from belvedere.collector.non_empty import NonEmpty
from belvedere.collector.processors.attribute_actions.action import Action
from belvedere.collector.processors.attribute_actions.plan import Actions
from belvedere.collector.processors.rewriting import RewritingProcessor, rewritten
from belvedere.otlp.batch import Batch
from belvedere.otlp.levels import LEVELS
from belvedere.otlp.splice import change_resources


class ResourceConfig(ComponentConfig):
    """`processors::resource`."""

    attributes: NonEmpty[Action] = Field(
        description="What is done to the attributes of each resource, in order."
    )


class ResourceProcessor(RewritingProcessor):
    """Applies actions to all resources."""

    Config = ResourceConfig

    def __init__(self, config: ResourceConfig, host: Host, consumer: Consumer) -> None:
        super().__init__(host, consumer)
        self._actions = Actions(config.attributes)

    def rewrite(self, batch: Batch) -> Batch:
        """The batch with changed resources, of which nothing else is parsed."""
        steps = self._actions.steps(batch)
        if not steps:
            return batch

        def change(resource: Resource) -> None:
            for step in steps:
                step(resource.attributes)

        data = change_resources(batch.data, change)
        if data is not None:
            return batch.with_data(data)
        message = batch.take_message()
        for entry in getattr(message, LEVELS[batch.signal].resources):
            change(entry.resource)
        return rewritten(batch, message)
