"""What integrations over HTTP share: JSON that is posted, and posted again."""

from typing import Any

import orjson

from belvedere.collector.component import Host
from belvedere.collector.exporters.http_post import HttpPost, is_429_or_5xx
from belvedere.collector.exporters.retry import Clock, Retry
from belvedere.rules.notify.config import HttpTarget


class Posted:
    """Posts JSON to one URL."""

    def __init__(self, config: HttpTarget, url: str, name: str) -> None:
        """`name` is for the log."""
        self._url = url
        self._post = HttpPost(config, Host(name), {"content-type": "application/json"})
        self._retry = Retry(config.retry_on_failure, name, Clock())

    async def start(self) -> None:
        """See `Integration.start`."""
        await self._post.start()

    async def shutdown(self) -> None:
        """See `Integration.shutdown`."""
        self._retry.stop()
        await self._post.shutdown()

    async def __call__(self, body: dict[str, Any]) -> None:
        """Post, and try again where that may help.

        Raises:
            ConsumeError: it was not taken.
        """
        data = orjson.dumps(body)

        async def attempt() -> None:
            answer = await self._post(self._url, data)
            if not answer.is_success:
                raise answer.refusal(is_429_or_5xx)

        await self._retry.call(attempt)
