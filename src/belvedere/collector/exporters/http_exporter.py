"""What exporters over HTTP are, but for one attempt: a queue with retries, and a client."""

from collections.abc import Mapping

from belvedere.collector.component import Host
from belvedere.collector.exporters.delivery import DeliveringExporter, Delivery
from belvedere.collector.exporters.http_post import HttpPost, HttpPostConfig
from belvedere.collector.exporters.retry import Clock
from belvedere.otlp.batch import Batch


class HttpExporter(DeliveringExporter):
    """Sends batches over kept-alive connections. A subclass says how one attempt goes."""

    def __init__(
        self, config: HttpPostConfig, host: Host, headers: Mapping[str, str], clock: Clock | None
    ) -> None:
        """An exporter, not started; `headers`, in lower case, go with each request.

        Raises:
            ConfigError: `auth` or `sending_queue::storage` names no extension.
        """
        self._id = host.component_id
        self._delivery = Delivery(config, host, self._attempt, clock=clock)
        self._post = HttpPost(config, host, headers)

    async def start(self) -> None:
        """Make the client; the peer need not be there yet.

        Raises:
            ConfigError: a certificate file cannot be read, or the queue's storage cannot be used.
        """
        await self._post.start()
        await self._delivery.start()

    async def shutdown(self) -> None:
        """Send what waits, within a bound, then close the connections."""
        await self._delivery.shutdown()
        await self._post.shutdown()

    async def _attempt(self, batch: Batch) -> int:
        """Send a batch once; see `delivery.Attempt`."""
        raise NotImplementedError
