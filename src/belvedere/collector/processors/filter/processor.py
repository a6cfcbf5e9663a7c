"""The processor `filter`."""

from belvedere.collector.component import Consumer, Host
from belvedere.collector.errors import Permanent
from belvedere.collector.ottl import EvaluationError
from belvedere.collector.processors.filter.config import FilterConfig
from belvedere.collector.processors.filter.sieve import Sieve
from belvedere.collector.processors.filter.telemetry import FILTERED
from belvedere.otlp.batch import Batch


class FilterProcessor:
    """Drops what meets a condition, outermost first, and what has nothing left in it.

    A span stays when all its events are dropped; a metric goes with its last data point. A batch
    of which nothing is dropped is handed on as it came.
    """

    Config = FilterConfig

    def __init__(self, config: FilterConfig, host: Host, consumer: Consumer) -> None:
        self._id, self._consumer = host.component_id, consumer
        self._sieves = {
            signal: Sieve(signal, drops) for signal, drops in config.drops.items() if drops
        }

    async def start(self) -> None:
        """Nothing has to be got ready."""

    async def shutdown(self) -> None:
        """Nothing is held."""

    async def consume(self, batch: Batch) -> None:
        """Hand on what stays; if nothing does, nothing is handed on.

        Raises:
            Retryable: what follows asks for a retry.
            Permanent: a condition failed with `error_mode: propagate`, or what follows refuses.
        """
        kept = self._kept(batch)
        if kept is not None:
            await self._consumer.consume(kept)

    def _kept(self, batch: Batch) -> Batch | None:
        sieve = self._sieves.get(batch.signal)
        if sieve is None:
            return batch
        message = batch.take_message()
        try:
            if not sieve.drop_from(message, batch.metadata):
                batch.give_back(message)
                return batch
        except EvaluationError as error:
            raise Permanent(f"{self._id}: a condition failed: {error}") from error
        kept = Batch.of(batch.signal, message, project=batch.project, metadata=batch.metadata)
        FILTERED[batch.signal].labels(self._id).inc(batch.items - kept.items)
        return kept if kept.data else None
