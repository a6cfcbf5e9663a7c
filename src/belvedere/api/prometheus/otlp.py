"""OTLP metrics at `/api/v1/otlp/v1/metrics`, where Prometheus takes them: the Collector's door."""

from dataclasses import dataclass
from typing import Final

from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send

from belvedere.api.state import AppState
from belvedere.collector.receivers.otlp.access import Access
from belvedere.collector.receivers.otlp.config import HttpConfig
from belvedere.collector.receivers.otlp.http_door import HttpApplication
from belvedere.collector.receivers.otlp.intake import Intake
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

_CONFIG: Final = HttpConfig()


@dataclass(frozen=True, slots=True)
class _Store:
    """A `Consumer` that hands batches to the store."""

    state: AppState

    async def consume(self, batch: Batch) -> None:
        await self.state.store_writer().consume(batch)


def routes(state: AppState) -> list[BaseRoute]:
    """The routes of this file."""
    intake = Intake(
        Signal.METRICS,
        _Store(state),
        receiver="prometheus_otlp",
        transport="http",
        limit_bytes=_CONFIG.max_request_body_size,
    )
    door = HttpApplication(_CONFIG, {Signal.METRICS: intake}, Access(state.tokens))

    async def below(scope: Scope, receive: Receive, send: Send) -> None:
        """The door knows paths from its own root."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        await door({**scope, "path": path}, receive, send)

    return [Mount("/api/v1/otlp", app=below)]
