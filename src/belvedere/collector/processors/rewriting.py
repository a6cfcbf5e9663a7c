"""What processors without memory share: a batch comes in, what is made of it goes on."""

from abc import ABC, abstractmethod

from belvedere.collector.component import Consumer, Host
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import ExportRequest


class RewritingProcessor(ABC):
    """Hands on what `rewrite` makes of each batch; nothing, if no item is left."""

    def __init__(self, host: Host, consumer: Consumer) -> None:
        self._id, self._consumer = host.component_id, consumer

    @abstractmethod
    def rewrite(self, batch: Batch) -> Batch:
        """The batch to hand on: `batch` itself if nothing changes, or one without items."""

    async def start(self) -> None:  # noqa: B027 - what has no memory has nothing to start
        """Nothing to do."""

    async def consume(self, batch: Batch) -> None:
        """Hand on what becomes of the batch.

        Raises:
            Retryable: what follows asks for a retry.
            Permanent: what follows will never accept it.
        """
        rewritten = self.rewrite(batch)
        if rewritten.items or not batch.items:
            await self._consumer.consume(rewritten)

    async def shutdown(self) -> None:  # noqa: B027 - nor to stop
        """Nothing is held."""


def rewritten(batch: Batch, message: ExportRequest) -> Batch:
    """The batch with other contents, of the same project and metadata."""
    return Batch.of(batch.signal, message, project=batch.project, metadata=batch.metadata)
