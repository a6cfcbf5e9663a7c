"""`forward`: what ends one pipeline begins others of the same signal, as it is."""

from collections.abc import Mapping
from typing import ClassVar

from belvedere.collector.component import ComponentConfig, Consumer, Host
from belvedere.collector.fan_out import fan_out
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal


class ForwardConfig(ComponentConfig):
    """`connectors::forward`: there is nothing to configure."""


class Forward:
    """Joins pipelines: to merge several, or to split one after its processors."""

    Config = ForwardConfig
    connects: ClassVar[Mapping[Signal, frozenset[Signal]]] = {
        signal: frozenset({signal}) for signal in Signal
    }

    def __init__(
        self, config: ForwardConfig, host: Host, consumers: Mapping[Signal, Mapping[str, Consumer]]
    ) -> None:
        del config, host
        self._entries = {
            signal: fan_out(list(pipelines.values())) for signal, pipelines in consumers.items()
        }

    async def start(self) -> None:
        """Nothing to do."""

    async def consume(self, batch: Batch) -> None:
        """Returns when all pipelines behind have accepted the batch; raises what they do."""
        await self._entries[batch.signal].consume(batch)

    async def shutdown(self) -> None:
        """Nothing to do."""
