"""The component `kafka`."""

import asyncio
from typing import ClassVar

import structlog

from belvedere.collector.component import Host
from belvedere.collector.errors import Permanent
from belvedere.collector.exporters.delivery import DeliveringExporter, Delivery
from belvedere.collector.exporters.kafka.client import Client, TooLarge
from belvedere.collector.exporters.kafka.config import KafkaConfig
from belvedere.collector.exporters.kafka.messages import Message, encoded, messages_of
from belvedere.collector.exporters.retry import Clock
from belvedere.collector.processors.split import split
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

log = structlog.get_logger(__name__)


class KafkaExporter(DeliveringExporter):
    """Produces messages. Delivered means that the broker has acknowledged them (required_acks).

    A batch that is too large for a message is divided; a single item that is still too large is
    refused and counted. Where one of several messages fails, all are sent again.
    """

    Config = KafkaConfig
    signals: ClassVar = frozenset(Signal)

    def __init__(self, config: KafkaConfig, host: Host, *, clock: Clock | None = None) -> None:
        self._config, self._id = config, host.component_id
        self._delivery = Delivery(config, host, self._attempt, clock=clock)
        self._client = Client(config.librdkafka(), self._id)

    async def start(self) -> None:
        """Make the client; the brokers need not be there yet.

        Raises:
            ConfigError: confluent-kafka is not installed, or a file of tls cannot be used.
        """
        self._client.start()
        await self._delivery.start()

    async def shutdown(self) -> None:
        """Send what waits, within a bound, then leave the brokers."""
        await self._delivery.shutdown()
        await self._client.stop()

    async def _attempt(self, batch: Batch) -> int:
        headers = [
            (key, value.encode())
            for key in self._config.include_metadata_keys
            for value in batch.metadata.get(key.lower(), ())
        ]
        messages = await asyncio.to_thread(list, messages_of(batch, self._config))
        results = await asyncio.gather(
            *(self._send(message, headers) for message in messages), return_exceptions=True
        )
        rejected = 0
        for result in results:
            if isinstance(result, BaseException):
                raise result
            rejected += result
        if rejected and rejected == batch.items:
            raise Permanent(self._too_large())
        if rejected:
            log.warning("too_large", component=self._id, n=rejected, error=self._too_large())
        return rejected

    async def _send(self, message: Message, headers: list[tuple[str, bytes]]) -> int:
        """Send a message, in parts if need be; returns the items that are too large alone."""
        value = await asyncio.to_thread(encoded, message.batch, self._config)
        try:
            await self._client.send(message.topic, message.key, value, headers)
        except TooLarge:
            items = message.batch.items
            if items <= 1:
                return items
            parts = await asyncio.to_thread(list, split(message.batch, (items + 1) // 2))
            rejected = 0
            for part in parts:
                rejected += await self._send(Message(message.topic, message.key, part), headers)
            return rejected
        return 0

    def _too_large(self) -> str:
        limit = self._config.producer.max_message_bytes
        return f"single items are larger than producer::max_message_bytes ({limit})"
