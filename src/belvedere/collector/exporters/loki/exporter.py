"""The component `loki`."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, Self

import structlog
from isal import igzip
from pydantic import Field, field_validator, model_validator

from belvedere.collector.component import Host
from belvedere.collector.duration import Duration
from belvedere.collector.errors import ConsumeError, Permanent, Retryable
from belvedere.collector.exporters.http_exporter import HttpExporter
from belvedere.collector.exporters.http_post import (
    HttpPostConfig,
    checked_url,
    is_429_or_5xx,
)
from belvedere.collector.exporters.loki.labels import DefaultLabels
from belvedere.collector.exporters.loki.push import BODIES, Push, Pushes, pushes_of
from belvedere.collector.exporters.retry import Clock
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

log = structlog.get_logger(__name__)

_TENANT_HEADER = "X-Scope-OrgID"


class LokiConfig(HttpPostConfig):
    """`exporters::loki`."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "labels": "which attributes are labels is said by attributes since version 0.59; insert"
        " loki.attribute.labels and loki.resource.labels with the processors attributes and"
        " resource",
        "format": "insert the attribute loki.format (json, logfmt, raw) with the processor"
        " attributes",
        **dict.fromkeys(
            ("tenant", "tenant_id"),
            "set headers: {X-Scope-OrgID: name}, or insert the attribute loki.tenant",
        ),
    }

    endpoint: str = Field(
        description="URL of Loki's push API: http://loki:3100/loki/api/v1/push.",
    )
    timeout: Duration = Field(30.0, description="Longest duration of one attempt; 0s: no limit.")
    default_labels_enabled: DefaultLabels = Field(
        default_factory=DefaultLabels, description="Labels that records have without hints."
    )
    encoding: Literal["protobuf", "json"] = Field(
        "protobuf",
        description="Form of the requests: protobuf (with snappy, as Loki's own clients) or json;"
        " Belvedere's own key.",
    )
    compression: Literal["gzip", "none", ""] = Field(
        "none", description="Compression of json requests: gzip or none. protobuf has snappy."
    )

    @field_validator("endpoint")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if not value:
            raise ValueError("endpoint is required: http://host:3100/loki/api/v1/push")
        return checked_url(value)

    @model_validator(mode="after")
    def _one_compression(self) -> Self:
        if self.compression == "gzip" and self.encoding == "protobuf":
            raise ValueError(
                "compression gzip goes with encoding json; protobuf requests have snappy already"
            )
        return self


class LokiExporter(HttpExporter):
    """Sends log records to Loki, a request for each tenant of a batch.

    Where one of several tenants' requests is to be sent again, all of the batch's are: Loki
    ignores entries that it has already. What one tenant's limits refuse for good is counted as
    failed, and the others' records as sent.
    """

    Config = LokiConfig
    signals: ClassVar = frozenset({Signal.LOGS})

    def __init__(
        self,
        config: LokiConfig,
        host: Host,
        *,
        clock: Clock | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._config, self._now_ns = config, now_ns
        content_type, self._body = BODIES[config.encoding]
        self._is_gzip = config.compression == "gzip"
        headers = {"content-type": content_type}
        if self._is_gzip:
            headers["content-encoding"] = "gzip"
        super().__init__(config, host, headers, clock)

    async def _attempt(self, batch: Batch) -> int:
        pushes, bodies = await asyncio.to_thread(self._bodies, batch)
        rejected = pushes.dropped.total()
        refusals: list[ConsumeError] = []
        for tenant, body in bodies.items():
            headers = {_TENANT_HEADER: tenant} if tenant else {}
            answer = await self._post(self._config.endpoint, body, headers)
            if answer.is_success:
                continue
            refusal = answer.refusal(is_429_or_5xx)
            if isinstance(refusal, Retryable):
                raise refusal
            refusals.append(refusal)
            rejected += pushes.tenants[tenant].entries
        if rejected and rejected == batch.items:
            raise refusals[0] if refusals else Permanent(_dropped_text(pushes))
        if pushes.dropped:
            log.warning("records_dropped", component=self._id, error=_dropped_text(pushes))
        for refusal in refusals:
            log.warning("tenant_refused", component=self._id, error=str(refusal))
        return rejected

    def _bodies(self, batch: Batch) -> tuple[Pushes, dict[str, bytes]]:
        message = batch.signal.request_type.FromString(batch.data)
        pushes = pushes_of(message, self._config.default_labels_enabled, self._now_ns())
        return pushes, {tenant: self._encoded(push) for tenant, push in pushes.tenants.items()}

    def _encoded(self, push: Push) -> bytes:
        body = self._body(push)
        return bytes(igzip.compress(body, 1)) if self._is_gzip else body


def _dropped_text(pushes: Pushes) -> str:
    return "; ".join(
        f"{records} records cannot be sent: {reason}" for reason, records in pushes.dropped.items()
    )
