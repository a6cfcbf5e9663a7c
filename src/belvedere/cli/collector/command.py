"""The command `belvedere collector`, which runs it."""

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import typer

from belvedere.cli.collector.sources import Config, Set, load

if TYPE_CHECKING:
    from belvedere.collector.config import CollectorConfig


def collector(context: typer.Context, config: Config = None, set_: Set = None) -> None:
    """Run the Collector alone, with a configuration of the OpenTelemetry Collector.

    Until Ctrl-C or SIGTERM, which send what is held before they end it. SIGHUP reads the
    configuration again: a valid one replaces what runs, without loss; an invalid one is refused,
    and what runs goes on.

    To begin: `components` says what there is, `validate` checks a file, `graph` draws it.
    """
    context.obj = (config, set_)
    if context.invoked_subcommand:
        return
    # Heavy modules load here, so that --help is quick.
    import uvloop  # noqa: PLC0415

    from belvedere.server.memory import keep_request_memory  # noqa: PLC0415

    keep_request_memory()
    configure_log()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(config, set_))


def configure_log(config: "CollectorConfig | None" = None) -> None:
    """Set the log up as `service::telemetry::logs` says; without one, for what is wrong with it."""
    from belvedere.server.log import configure_log as configure  # noqa: PLC0415 - see above

    if config is None:
        configure(level="warning")
        return
    logs = config.telemetry.logs
    configure(
        level="warning" if logs.level == "warn" else logs.level,
        person={"": None, "console": True, "json": False}[logs.encoding],
        fields=logs.initial_fields,
    )


async def _run(config: list[str] | None, settings: list[str] | None) -> None:
    from belvedere.collector.running import Collector  # noqa: PLC0415 - see above
    from belvedere.otlp.decode import AsReceived  # noqa: PLC0415

    stopping, reload_asked = asyncio.Event(), asyncio.Event()

    def on_stop() -> None:
        if stopping.is_set():  # a second Ctrl-C: leave at once
            os._exit(130)
        stopping.set()

    async def reload_when_asked() -> None:
        while True:
            await reload_asked.wait()
            reload_asked.clear()  # what is asked from now on is another reload, and one at most
            await running.reload()

    running = Collector(
        lambda: load(config, settings),
        services={AsReceived: AsReceived()},  # no store is here
        on_load=configure_log,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_stop)
    loop.add_signal_handler(signal.SIGHUP, reload_asked.set)
    await running.start()
    reloading = asyncio.create_task(reload_when_asked())
    await stopping.wait()
    await running.stop()
    reloading.cancel()
