"""`Collector`: a configuration that runs, and can be replaced by another while it does."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from belvedere.collector.component import Component, Host
from belvedere.collector.config import CollectorConfig
from belvedere.collector.errors import CollectorError, ConfigError
from belvedere.collector.handover import Handover
from belvedere.collector.registry import Kind
from belvedere.collector.service import Service
from belvedere.collector.telemetry.own import OwnTelemetry

log = structlog.get_logger(__name__)

_RESTART_PAUSE_S: Final = 1.0


class Collector:
    """Own telemetry and the service of one configuration after the other.

    A reload stops the old service before the new one starts, since both may want the same ports.
    Nothing that was acknowledged is lost on the way: receivers finish what they took, and what
    waits in memory, in a `batch` or in an exporter's queue, is taken over by the component of the
    same id (and pipeline); without one it is sent. Clients that find the doors closed for that
    moment try again.
    """

    def __init__(
        self,
        load: Callable[[], CollectorConfig],
        *,
        on_load: Callable[[CollectorConfig], None] = lambda _: None,
        services: Mapping[type[Any], Any] | None = None,
    ) -> None:
        """A Collector, not started.

        Args:
            load: reads the configuration, now and at each reload; raises ConfigError.
            on_load: is told each configuration before it starts.
            services: see `Service`.
        """
        self._load, self._on_load = load, on_load
        self._handover = Handover()
        self._services = {**(services or {}), Handover: self._handover}
        self._changing = asyncio.Lock()
        self._config: CollectorConfig | None = None
        self._own: OwnTelemetry | None = None
        self._service: Service | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Load the configuration and run it.

        Raises:
            ConfigError: it cannot run; nothing does.
        """
        async with self._changing:
            config = self._load()
            self._on_load(config)
            await self._run(config)

    async def reload(self) -> bool:
        """Load the configuration again, and run it in the place of the old one.

        Also if it is the same, as the files that it names (authorities, passwords, tokens) may
        have changed. If it is not valid, the old one runs on; if it does not start, the old one
        starts again.
        Either way the reason is logged.

        Returns:
            Whether what runs now is what was loaded.
        """
        async with self._changing:
            old = self._config
            if old is None or self._stopping.is_set():
                return False
            try:
                new = self._load()
                # Whatever is wrong that shows without a start is found before the old one stops.
                await Service(new, services=self._services).shutdown()
            except Exception as error:  # noqa: BLE001 - whatever it is, the old one works
                _tell_refused(error, "the old one, on")
                return False
            return await self._replace(old, new)

    async def stop(self) -> None:
        """Stop: take nothing more, send what is held, within the exporters' bounds."""
        self._stopping.set()
        async with self._changing:
            self._handover.expect(())
            await self._halt()
            self._handover.drop()

    def component(self, kind: Kind, component_id: str, *, pipeline: str = "") -> Component:
        """A component of the configuration that runs; see `Service.component`.

        Raises:
            KeyError: there is none, or nothing runs.
        """
        if self._service is None:
            raise KeyError(component_id)
        return self._service.component(kind, component_id, pipeline=pipeline)

    @property
    def metrics_ports(self) -> list[int]:
        """Where own metrics are served."""
        return self._own.ports if self._own else []

    async def _run(self, config: CollectorConfig) -> None:
        """Start a configuration; if it does not start, nothing of it is left."""
        self._own = OwnTelemetry(config.telemetry)
        try:
            await self._own.start()
            self._service = Service(config, services=self._services, tracer=self._own.tracer)
            await self._service.start()
        except BaseException:
            await self._halt()
            raise
        self._config = config

    async def _halt(self) -> None:
        if self._service:
            await self._service.shutdown()
            self._service = None
        if self._own:
            await self._own.shutdown()
            self._own = None

    async def _replace(self, old: CollectorConfig, new: CollectorConfig) -> bool:
        self._handover.expect(_successors(new))
        await self._halt()
        # Should the new one not start, what it took over goes back.
        self._handover.expect(_successors(old))
        self._on_load(new)
        try:
            await self._run(new)
        except Exception as error:  # noqa: BLE001 - whatever it is, the old one worked
            _tell_refused(error, "the old one, again")
            self._on_load(old)
            await self._start_again(old)
            return False
        self._handover.expect(())
        log.info("configuration_reloaded")
        return True

    async def _start_again(self, old: CollectorConfig) -> None:
        """Start what ran before; where that fails (its port was taken meanwhile), try on."""
        while not self._stopping.is_set():
            try:
                await self._run(old)
            except ConfigError as error:
                log.warning("old_configuration_not_started", error=str(error), next="try again")
            else:
                self._handover.expect(())
                return
            try:
                async with asyncio.timeout(_RESTART_PAUSE_S):
                    await self._stopping.wait()
            except TimeoutError:
                continue


def _tell_refused(error: Exception, runs: str) -> None:
    defect = None if isinstance(error, CollectorError) else error
    log.error("configuration_refused", error=str(error), runs=runs, exc_info=defect)


def _successors(config: CollectorConfig) -> frozenset[str]:
    """The places of a configuration (`Host.place`) that take batches over.

    Exporters that run and have a queue, and processors that say so.
    """
    processors = (
        Host(processor_id, pipeline=pipeline.id).place
        for pipeline in config.pipelines.values()
        for processor_id in pipeline.processors
        if getattr(config.components[Kind.PROCESSOR][processor_id].component, "takes_over", False)
    )
    exporters = (
        exporter_id
        for pipeline in config.pipelines.values()
        for exporter_id in pipeline.exporters
        if exporter_id in config.components[Kind.EXPORTER]
        and _has_queue(config.components[Kind.EXPORTER][exporter_id].config)
    )
    return frozenset((*processors, *exporters))


def _has_queue(config: Any) -> bool:
    queue = getattr(config, "sending_queue", None)
    return queue is not None and queue.enabled
