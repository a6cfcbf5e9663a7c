"""`Server`: everything that `belvedere up` runs, in one event loop."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from belvedere.api.app import create_app
from belvedere.api.prometheus.app import create_prometheus_app
from belvedere.api.prometheus.query import MAX_TIMEOUT_S
from belvedere.api.state import AppState, StoreWriter
from belvedere.collector.config import CollectorConfig
from belvedere.collector.errors import ConfigError, Retryable
from belvedere.collector.exporters.belvedere import BelvedereExporter
from belvedere.collector.receivers.otlp import OtlpReceiver
from belvedere.collector.registry import Kind
from belvedere.collector.service import Service
from belvedere.collector.serving.host import is_loopback_address
from belvedere.collector.serving.http_server import HttpServer
from belvedere.collector.serving.tls import ssl_context
from belvedere.otlp.batch import DEFAULT_PROJECT
from belvedere.otlp.signal import Signal
from belvedere.query.promql.duration import format_duration
from belvedere.query.promql.engine import Engine
from belvedere.query.promql.features import engine_options
from belvedere.server.options import Options
from belvedere.server.rules import ServerRules
from belvedere.store.database import Database
from belvedere.store.detached_parts import report_detached_parts
from belvedere.store.lock import lock_directory
from belvedere.store.migrate import check_schemas
from belvedere.store.projects import Projects

if TYPE_CHECKING:
    from belvedere.collector.receivers.prometheus.receiver import PrometheusReceiver

log = structlog.get_logger(__name__)

C = TypeVar("C")

_API_SHUTDOWN_S: Final = 5
_API_IDLE_S: Final = 60.0
"""As long as OTLP/HTTP keeps connections without requests."""
_OPTIONS: Final = {
    "protocols::grpc::endpoint": "--grpc-port",
    "protocols::http::endpoint": "--http-port",
}


class Server:
    """Receivers, store and API. Start it once; stop it once.

    The order of the start is the data's way backwards: store, API (which says "not ready"),
    exporters, receivers. The stop is the data's way: receivers, queue, API, store.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._ready = False
        self._writer: StoreWriter | None = None
        self._scrapers: list[PrometheusReceiver] = []
        self._rules: ServerRules | None = None
        self._stack = contextlib.AsyncExitStack()
        self._tls: ssl.SSLContext | None = None
        self.listening: dict[str, str] = {}
        """What is served → where: `OTLP/gRPC`, `OTLP/HTTP`, `API and UI`."""
        self.warnings: list[str] = []
        """Who can reach what they should not, for a person to read."""

    async def start(self) -> None:
        """Open the store, then the doors. After an error, whatever had started is stopped again.

        Raises:
            ConfigError: the options or the configuration cannot run (a port is taken, ...).
            StoreError: the store cannot be opened.
        """
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def _start(self) -> None:
        options = self._options
        config = options.collector_config()
        api_socket = _bind(options.host, options.port, "API and UI", "--port")
        self._stack.callback(api_socket.close)
        engine = _engine(options)
        tls = options.tls_config()
        self._tls = ssl_context(tls, "--tls-cert") if tls else None
        self._rules = rules = ServerRules(options, engine, self._url(api_socket))
        prometheus_socket: socket.socket | None = None
        if options.prometheus_port is not None:
            prometheus_socket = _bind(
                options.host, options.prometheus_port, "Prometheus's API", "--prometheus-port"
            )
            self._stack.callback(prometheus_socket.close)
        if options.store:  # the embedded store locks its directory itself
            self._stack.callback(lock_directory(options.data_dir).close)
        database = await asyncio.to_thread(_open, options)
        self._stack.push_async_callback(asyncio.to_thread, database.close)
        projects = Projects(
            database, retention_days=options.retention_days, cluster=options.cluster
        )
        await asyncio.to_thread(lambda: check_schemas(database, projects.names()))
        await asyncio.to_thread(projects.ensure, DEFAULT_PROJECT)
        await asyncio.to_thread(report_detached_parts, database)
        address = self._url(prometheus_socket or api_socket).partition("://")[2]
        state = self._state(database, engine, rules, address)
        await self._serve("API and UI", create_app(state), api_socket)
        if prometheus_socket is not None:
            await self._serve("Prometheus API", create_prometheus_app(state), prometheus_socket)
        service = Service(config, services={Database: database, Projects: projects})
        self._stack.push_async_callback(service.shutdown)
        try:
            await service.start()
        except ConfigError as error:
            raise _with_option(error) from None
        self._stack.callback(setattr, self, "_ready", False)
        self._note_receivers(service, config)
        self._warn_of_exposure(api_socket, service, config)
        if any(name.partition("/")[0] == "prometheus" for name in config.components[Kind.RECEIVER]):
            from belvedere.collector.receivers.prometheus.receiver import (  # noqa: PLC0415 - most servers scrape nothing
                PrometheusReceiver,
            )

            self._scrapers = [*_components(service, config, Kind.RECEIVER, PrometheusReceiver)]
        self._writer = next(_components(service, config, Kind.EXPORTER, BelvedereExporter), None)
        self._stack.push_async_callback(rules.shutdown)
        await rules.start(database, projects, self._writer)
        self._ready = True

    async def reload_rules(self) -> bool:
        """Read the rule files again; what runs goes on where they cannot be used.

        Returns:
            Whether they could be used.
        """
        return self._rules is not None and await self._rules.reload()

    def describe_rules(self) -> str:
        """See `ServerRules.describe`."""
        return "" if self._rules is None else self._rules.describe()

    async def stop(self) -> None:
        """Close the doors, store what was accepted, close the store. Safe when repeated."""
        await self._stack.aclose()

    def _state(
        self, database: Database, engine: Engine, rules: ServerRules, address: str
    ) -> AppState:
        options = self._options
        return AppState(
            database=database,
            tokens=options.tokens,
            problem=self._problem,
            store_writer=self._store_writer,
            engine=engine,
            rule_groups=rules.groups,
            alertmanagers=lambda: rules.alertmanagers,
            targets=lambda: [receiver.targets() for receiver in self._scrapers],
            reload=self._reload,
            last_reload=lambda: rules.last_reload,
            flags=_flags(options, engine, address),
            prometheus_config=rules.configuration,
            status_parts=lambda: {
                "data_dir": str(options.data_dir.absolute()),
                "store": "ClickHouse server" if options.store else "embedded ClickHouse",
                "listening": self.listening,
            },
        )

    async def _reload(self) -> bool:
        """`reload_rules`, for clients.

        Raises:
            Retryable: if the server is starting or stopping.
        """
        if not self._ready:
            raise Retryable("the server is starting or stopping; send the request again")
        return await self.reload_rules()

    def _problem(self) -> str:
        if not self._ready:
            return "it is starting"
        return "" if self._writer is None else self._writer.problem()

    async def _serve(self, what: str, app: Any, bound: socket.socket) -> None:
        """Serve `app` until `stop`."""
        server = HttpServer(app, "", what, idle_timeout_s=_API_IDLE_S)
        await server.serve([bound], self._tls, with_lifespan=True, behind_proxy=True)
        self._stack.push_async_callback(server.shutdown, _API_SHUTDOWN_S)
        self.listening[what] = self._url(bound)

    def _url(self, bound: socket.socket) -> str:
        scheme = "https" if self._tls else "http"
        host, port = bound.getsockname()[:2]
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def _warn_of_exposure(
        self, bound: socket.socket, service: Service, config: CollectorConfig
    ) -> None:
        """Warn if other machines reach what requires no token or is not encrypted."""
        address = bound.getsockname()[0]
        if not is_loopback_address(address):
            if not self._options.tokens:
                self.warnings.append(
                    f"anyone who reaches {address} can read and write all data: no tokens are set."
                    " Set --tokens-file FILE, or listen on 127.0.0.1"
                )
            if self._tls is None:
                self.warnings.append(
                    f"data and tokens are not encrypted on their way to and from {address}."
                    " Set --tls-cert FILE and --tls-key FILE, or put a proxy with TLS before it"
                )
        if self._options.config:  # its receivers have addresses of their own
            for receiver in _components(service, config, Kind.RECEIVER, OtlpReceiver):
                self.warnings += [
                    f"anyone who reaches {endpoint} can write data: the receiver {receiver.id}"
                    " requires no token. Set its tokens_file, or let it listen on localhost"
                    for endpoint in receiver.open_endpoints()
                ]
        for warning in self.warnings:
            log.warning("exposed_to_the_network", problem=warning)

    def _store_writer(self) -> StoreWriter:
        """The exporter that writes to the store.

        Raises:
            Retryable: it does not run yet, or no pipeline of the configuration uses it.
        """
        if self._writer is None:
            raise Retryable("the store takes no data yet: its exporter belvedere is not running")
        return self._writer

    def _note_receivers(self, service: Service, config: CollectorConfig) -> None:
        """Note where OTLP is received, for a person to read."""
        for receiver in _components(service, config, Kind.RECEIVER, OtlpReceiver):
            for what, port, by_tls in (
                ("OTLP/gRPC", receiver.grpc_port, receiver.grpc_by_tls),
                ("OTLP/HTTP", receiver.http_port, receiver.http_by_tls),
            ):
                if port is not None:
                    scheme = "https://" if by_tls else ""
                    self.listening[what] = f"{scheme}{self._options.host}:{port}"


def _components(
    service: Service, config: CollectorConfig, kind: Kind, type_: type[C]
) -> Iterator[C]:
    """The running components of a class."""
    for component_id in config.components[kind]:
        with contextlib.suppress(KeyError):  # no pipeline uses it
            component = service.component(kind, component_id)
            if isinstance(component, type_):
                yield component


def _flags(options: Options, engine: Engine, address: str) -> dict[str, str]:
    """Prometheus's flags that have a meaning here."""
    days = options.retention_days.get(Signal.METRICS, 0)
    return {
        "enable-feature": ",".join(options.promql_features),
        "query.lookback-delta": format_duration(engine.options.lookback_ms),
        "query.max-samples": str(engine.options.max_samples),
        "query.timeout": format_duration(round(MAX_TIMEOUT_S * 1000)),
        "storage.tsdb.path": str(options.data_dir.absolute()),
        "storage.tsdb.retention.time": f"{days}d" if days else "0s",
        "web.enable-admin-api": "false",
        "web.enable-lifecycle": "true",
        "web.enable-otlp-receiver": "true",
        "web.enable-remote-write-receiver": "true",
        "web.listen-address": address,
    }


def _engine(options: Options) -> Engine:
    try:
        return Engine(engine_options(options.promql_features))
    except ValueError as error:
        raise ConfigError(str(error), hint="see --enable-feature") from None


def _with_option(error: ConfigError) -> ConfigError:
    """An error of the packaged configuration, with the option of `up` that mends it."""
    for ending, option in _OPTIONS.items():
        if error.key.endswith(ending):
            return ConfigError(
                error.message,
                key=error.key,
                file=error.file,
                line=error.line,
                hint=f"{error.hint}; or choose another with {option}",
            )
    return error


def _open(options: Options) -> Database:
    """The store that the options ask for."""
    if not options.store:
        from belvedere.store.embedded import EmbeddedClickHouse  # noqa: PLC0415 - half a second

        return EmbeddedClickHouse(options.data_dir)
    from belvedere.store.server import ClickHouseServer  # noqa: PLC0415 - not for the embedded one

    return ClickHouseServer(options.store)


def _bind(host: str, port: int, what: str, option: str) -> socket.socket:
    """A listening socket, for what an option gives the port of.

    Raises:
        ConfigError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise ConfigError(
                f"cannot listen on {host}: {error.strerror}",
                hint="--host takes an address of this machine: 127.0.0.1 (for itself only),"
                " or 0.0.0.0 (all its addresses)",
            ) from None
        reason = (
            "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        )
        raise ConfigError(
            f"the port {port} on {host} for {what} {reason}",
            hint=f"choose another with {option}, or {option} 0 for any free one",
        ) from None
    return bound
