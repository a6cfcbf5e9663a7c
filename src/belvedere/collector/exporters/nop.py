"""`nop`: takes everything and forgets it, for pipelines that end in a connector or in a test."""

from belvedere.collector.component import ComponentConfig, Host
from belvedere.internal_telemetry import EXPORTER_SENT
from belvedere.otlp.batch import Batch


class NopConfig(ComponentConfig):
    """`exporters::nop`, which has no keys."""


class NopExporter:
    """Counts what it forgets."""

    Config = NopConfig

    def __init__(self, _config: NopConfig, host: Host) -> None:
        self._id = host.component_id

    async def start(self) -> None:
        """Nothing to do."""

    async def consume(self, batch: Batch) -> None:
        """Never refuses."""
        EXPORTER_SENT[batch.signal].labels(self._id).inc(batch.items)

    async def shutdown(self) -> None:
        """Nothing to do."""
