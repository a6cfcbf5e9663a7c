"""`debug`: what passes, to the log."""

import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar

import structlog
from pydantic import Field

from belvedere.collector.component import ComponentConfig, Host
from belvedere.collector.exporters.message_text import detailed, one_line_each
from belvedere.internal_telemetry import EXPORTER_SENT
from belvedere.otlp.batch import Batch

log = structlog.get_logger(__name__)


class Verbosity(StrEnum):
    """How much of a batch is written."""

    BASIC = "basic"
    NORMAL = "normal"
    DETAILED = "detailed"


class DebugConfig(ComponentConfig):
    """`exporters::debug`."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "output_paths": "it writes to the Collector's own log; use the exporter file",
        "use_internal_logger": "it writes to the Collector's own log; use the exporter file",
        "sending_queue": "writing needs no queue; remove this key",
    }
    done_anyway: ClassVar[Mapping[str, Any]] = {"use_internal_logger": True}

    verbosity: Verbosity = Field(
        Verbosity.BASIC,
        description="basic: a line a batch; normal: a line an item; detailed: every field.",
    )
    sampling_initial: int = Field(
        2, ge=0, description="Batches that are written each second, before sampling_thereafter."
    )
    sampling_thereafter: int = Field(
        1, ge=0, description="After those, every which batch of the second is written; 0: none."
    )


class DebugExporter:
    """Writes batches to the log, and forgets them."""

    Config = DebugConfig

    def __init__(
        self, config: DebugConfig, host: Host, *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._config, self._id, self._now_s = config, host.component_id, now_s
        self._second, self._count = 0, 0

    async def start(self) -> None:
        """Nothing to do."""

    async def consume(self, batch: Batch) -> None:
        """Write the batch to the log; never refuses."""
        EXPORTER_SENT[batch.signal].labels(self._id).inc(batch.items)
        if not self._is_sampled():
            return
        fields: dict[str, object] = {"items": batch.items, "bytes": len(batch.data)}
        if self._config.verbosity is Verbosity.NORMAL:
            fields["text"] = one_line_each(batch)
        elif self._config.verbosity is Verbosity.DETAILED:
            fields["text"] = detailed(batch.message)
        log.info(batch.signal.value, component=self._id, project=batch.project, **fields)

    async def shutdown(self) -> None:
        """Nothing to do."""

    def _is_sampled(self) -> bool:
        second = int(self._now_s())
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        beyond = self._count - self._config.sampling_initial
        if beyond <= 0:
            return True
        every = self._config.sampling_thereafter
        return bool(every) and beyond % every == 0
