"""`belvedere up`: run Belvedere."""

import asyncio
import os
import signal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from belvedere.cli.options import DEFAULT_SERVER
from belvedere.collector.durable_queue import Sync
from belvedere.otlp.signal import Signal
from belvedere.store.retention import DEFAULT_DAYS

if TYPE_CHECKING:
    from belvedere.api.rates import AcceptedRates
    from belvedere.server.options import Options
    from belvedere.server.run import Server

_ADDRESSES, _STORE, _ACCESS = "Addresses", "Data", "Who may send and ask"
_DEFAULT_OTLP = "http://127.0.0.1:4317"
_RULES = "Rules and alerts"
_ITEMS = {Signal.TRACES: "spans", Signal.METRICS: "metric points", Signal.LOGS: "log records"}


class LogLevel(StrEnum):
    """What `--log-level` takes."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def up(
    data_dir: Annotated[
        Path,
        typer.Option(
            envvar="BELVEDERE_DATA_DIR", help="Where everything is kept.", rich_help_panel=_STORE
        ),
    ] = Path("belvedere-data"),
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on; 0.0.0.0 for all, then set --tokens-file and --tls-cert.",
            rich_help_panel=_ADDRESSES,
        ),
    ] = "127.0.0.1",
    grpc_port: Annotated[
        int, typer.Option(help="OTLP/gRPC.", min=0, max=65535, rich_help_panel=_ADDRESSES)
    ] = 4317,
    http_port: Annotated[
        int, typer.Option(help="OTLP/HTTP.", min=0, max=65535, rich_help_panel=_ADDRESSES)
    ] = 4318,
    port: Annotated[
        int, typer.Option(help="API and UI.", min=0, max=65535, rich_help_panel=_ADDRESSES)
    ] = 4320,
    prometheus_port: Annotated[
        int | None,
        typer.Option(
            help="Prometheus's API at the root of a port of its own (9090, say); it is always at"
            " /prometheus of --port.",
            min=0,
            max=65535,
            rich_help_panel=_ADDRESSES,
        ),
    ] = None,
    enable_feature: Annotated[
        list[str] | None,
        typer.Option(
            help="Switch on what is experimental in PromQL (repeatable):"
            " promql-experimental-functions, promql-extended-range-selectors,"
            " promql-binop-fill-modifiers, promql-delayed-name-removal."
        ),
    ] = None,
    rules: Annotated[
        list[str] | None,
        typer.Option(
            help="Prometheus's rule files, by name or glob (repeatable); PROJECT=GLOB for those of"
            " another project. SIGHUP and /prometheus/-/reload read them again.",
            rich_help_panel=_RULES,
        ),
    ] = None,
    alerts: Annotated[
        Path | None,
        typer.Option(
            help="Who is told of alerts: Alertmanagers, webhooks, Slack, e-mail (YAML)."
            " Read at start only, not at a reload.",
            exists=True,
            dir_okay=False,
            rich_help_panel=_RULES,
        ),
    ] = None,
    config: Annotated[
        list[Path] | None,
        typer.Option(
            help="An OpenTelemetry Collector configuration instead of the packaged pipeline;"
            " several are merged.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    store: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="A ClickHouse server instead of the embedded one:"
            " clickhouse://USER:PASSWORD@HOST:8123.",
            envvar="BELVEDERE_STORE",
            rich_help_panel=_STORE,
        ),
    ] = "",
    cluster: Annotated[
        str,
        typer.Option(
            help="Make the tables ON CLUSTER, replicated (with --store).", rich_help_panel=_STORE
        ),
    ] = "",
    sync: Annotated[
        Sync,
        typer.Option(
            help="When data is forced to the disk: always (before it is acknowledged),"
            " interval (each second) or off.",
            rich_help_panel=_STORE,
        ),
    ] = Sync.ALWAYS,
    traces_days: Annotated[
        int, typer.Option(help="Days to keep traces; 0: for good.", min=0, rich_help_panel=_STORE)
    ] = DEFAULT_DAYS[Signal.TRACES],
    metrics_days: Annotated[
        int, typer.Option(help="Days to keep metrics; 0: for good.", min=0, rich_help_panel=_STORE)
    ] = DEFAULT_DAYS[Signal.METRICS],
    logs_days: Annotated[
        int, typer.Option(help="Days to keep logs; 0: for good.", min=0, rich_help_panel=_STORE)
    ] = DEFAULT_DAYS[Signal.LOGS],
    tokens_file: Annotated[
        Path | None,
        typer.Option(
            help='Require bearer tokens: a file of lines `token: project`; `token: "*"` is an'
            " operator's, who sees all projects.",
            exists=True,
            dir_okay=False,
            rich_help_panel=_ACCESS,
        ),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Let pages of this origin send OTLP/HTTP (repeatable).", rich_help_panel=_ACCESS
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option(
            help="Certificate (PEM) of all ports: OTLP, API, Prometheus's API.",
            exists=True,
            rich_help_panel=_ACCESS,
        ),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option(help="Its private key.", exists=True, rich_help_panel=_ACCESS),
    ] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option(
            help="Require of clients, on all ports, a certificate of this authority (mTLS).",
            exists=True,
            rich_help_panel=_ACCESS,
        ),
    ] = None,
    log_level: Annotated[
        LogLevel,
        typer.Option(help="The least severe entries of the server's log.", case_sensitive=False),
    ] = LogLevel.WARNING,
) -> None:
    """Run Belvedere: receive OpenTelemetry data, keep it, answer questions about it.

    One process, until Ctrl-C. Point any OpenTelemetry SDK at it (its default endpoint is right),
    or see it work at once: run `belvedere demo` in another terminal.
    """
    # Heavy modules load here, so that --help is quick.
    import uvloop  # noqa: PLC0415

    from belvedere.collector.receivers.otlp.access import read_tokens  # noqa: PLC0415
    from belvedere.server.log import configure_log  # noqa: PLC0415
    from belvedere.server.memory import keep_request_memory  # noqa: PLC0415
    from belvedere.server.options import Options  # noqa: PLC0415
    from belvedere.server.turns import favour_the_loop  # noqa: PLC0415

    configure_log(level=log_level)
    keep_request_memory()
    favour_the_loop()
    options = Options(
        data_dir=data_dir,
        host=host,
        grpc_port=grpc_port,
        http_port=http_port,
        port=port,
        prometheus_port=prometheus_port,
        promql_features=tuple(enable_feature or ()),
        rules=tuple(rules or ()),
        alerts=alerts,
        store=store,
        cluster=cluster,
        config=tuple(config or ()),
        sync=sync,
        retention_days={
            Signal.TRACES: traces_days,
            Signal.METRICS: metrics_days,
            Signal.LOGS: logs_days,
        },
        tokens=read_tokens(tokens_file, "--tokens-file") if tokens_file else {},
        cors_origins=tuple(cors_origin or ()),
        tls_cert=tls_cert,
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(options))


async def _run(options: "Options") -> None:
    from belvedere.server.run import Server  # noqa: PLC0415 - see above

    console = Console()
    stopping = asyncio.Event()

    def on_signal() -> None:
        if stopping.is_set():  # a second Ctrl-C: what was accepted is on disk, so leave at once
            os._exit(130)
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)

    server = Server(options)
    await server.start()
    reloads: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        if not options.rules:
            console.print("SIGHUP: there are no --rules to read again", soft_wrap=True)
        elif await server.reload_rules():
            told = "; --alerts is read at start only" if options.alerts else ""
            console.print(
                f"SIGHUP: rules are read again: {server.describe_rules()}{told}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )

    def reloaded(task: asyncio.Task[None]) -> None:
        reloads.discard(task)
        if not task.cancelled() and isinstance(task.exception(), OSError):
            stopping.set()  # the terminal was closed, which is what else SIGHUP says

    def on_reload() -> None:
        task = asyncio.create_task(reload())
        reloads.add(task)
        task.add_done_callback(reloaded)

    loop.add_signal_handler(signal.SIGHUP, on_reload)
    try:
        _greet(console, server, options)
        await _until(stopping, console)
        console.print("stopping: storing what was accepted ... (Ctrl-C again leaves it for later)")
    finally:  # also where nobody reads the output any more: a terminal that was closed, `| head`
        await server.stop()
    console.print("stopped")


def _greet(console: Console, server: "Server", options: "Options") -> None:
    console.print("[bold]Belvedere is up[/]")
    facts = {**server.listening, "data": options.data_dir, "rules": server.describe_rules()}
    for what, fact in facts.items():
        if fact:
            console.print(f"  {what:<14} {fact}", highlight=False, markup=False, soft_wrap=True)
    console.print()
    demo, traces = _next_commands(server.listening, asks_for_token=bool(options.tokens))
    console.print(
        f"Next, in another terminal:  {demo}    then  {traces}", highlight=False, soft_wrap=True
    )
    otlp = _otlp(server.listening)
    variables = []
    if otlp != _DEFAULT_OTLP:
        variables += [f"OTEL_EXPORTER_OTLP_ENDPOINT={otlp}", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"]
    if options.tokens:
        variables.append("OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20TOKEN")
    found = " ".join(variables) or "its OpenTelemetry SDK finds it by default."
    console.print(f"Or point an application at it: {found}", highlight=False, soft_wrap=True)
    if "https:" in f"{otlp} {server.listening['API and UI']}":
        console.print(
            "Where the authority of the certificate is not a public one, commands need"
            " BELVEDERE_CA=FILE, and applications OTEL_EXPORTER_OTLP_CERTIFICATE=FILE.",
            soft_wrap=True,
        )
    for warning in server.warnings:
        console.print(f"[bold red]WARNING:[/] {escape(warning)}.", highlight=False, soft_wrap=True)
    console.print("Stop with Ctrl-C.")


def _next_commands(listening: dict[str, str], *, asks_for_token: bool) -> tuple[str, str]:
    """`demo` and `traces`, with the options that find a server which is not as by default."""
    api = _reached_at(listening["API and UI"])
    server = f" --server {api}" if api != DEFAULT_SERVER else ""
    if asks_for_token:
        server += " --token TOKEN"
    otlp = _otlp(listening)
    endpoint = f" --endpoint {otlp}" if otlp != _DEFAULT_OTLP else ""
    return f"belvedere demo{endpoint}{server}", f"belvedere traces{server}"


def _otlp(listening: dict[str, str]) -> str:
    """Where this machine's applications send to, by gRPC."""
    where = listening.get("OTLP/gRPC")
    if not where:
        return _DEFAULT_OTLP
    return _reached_at(where if "://" in where else f"http://{where}")


def _reached_at(address: str) -> str:
    """Where this machine's programs reach what listens there: all addresses are also loopback's."""
    return address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


async def _until(stopping: asyncio.Event, console: Console) -> None:
    """Wait; on a terminal, show what comes in meanwhile."""
    if not console.is_terminal:
        await stopping.wait()
        return
    from belvedere.api.rates import AcceptedRates  # noqa: PLC0415 - see above

    rates = AcceptedRates()
    sampling = asyncio.create_task(rates.run())
    try:
        with Live(_counts(rates), console=console, transient=True, auto_refresh=False) as live:
            while not stopping.is_set():
                live.update(_counts(rates), refresh=True)
                try:
                    await asyncio.wait_for(stopping.wait(), 1.0)
                except TimeoutError:
                    continue
    finally:
        sampling.cancel()


def _counts(rates: "AcceptedRates") -> Table:
    from belvedere.api.rates import accepted  # noqa: PLC0415 - see above

    table = Table.grid(padding=(0, 2))
    per_second = rates.per_second()
    for name, count in accepted().items():
        table.add_row(
            _ITEMS[Signal(name)],
            f"[bold]{count:>12,.0f}[/]",
            f"[dim]{per_second[name]:>10,.0f}/s[/]",
        )
    return table
