"""`Options`: what a user may choose about a server, and the configuration that follows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml

from belvedere.collector.config import CollectorConfig, load_config
from belvedere.collector.durable_queue import Sync
from belvedere.collector.errors import ConfigError
from belvedere.collector.serving.tls import TlsConfig
from belvedere.collector.source import Source
from belvedere.otlp.signal import Signal
from belvedere.store.retention import DEFAULT_DAYS

_ORIGIN: Final = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^/\s]+")
_CORS_HEADERS: Final = ("Authorization", "Content-Encoding", "X-Scope-OrgID")
"""What pages may send beyond the headers that browsers let through anyway: all that is read."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `belvedere up`, with its defaults."""

    data_dir: Path = Path("belvedere-data")
    host: str = "127.0.0.1"
    grpc_port: int = 4317
    http_port: int = 4318
    port: int = 4320
    """Of API and UI."""
    prometheus_port: int | None = None
    """Of Prometheus's API alone, at the root; None: it is at `/prometheus` of `port` only."""
    promql_features: tuple[str, ...] = ()
    """Names of `query.promql.features`."""
    rules: tuple[str, ...] = ()
    """Names and globs of Prometheus's rule files; `PROJECT=GLOB` for another project's."""
    alerts: Path | None = None
    """Who is told of alerts; see `rules.notify.config`."""
    store: str = ""
    """`clickhouse://…` for a ClickHouse server; empty for the embedded one in `data_dir`."""
    cluster: str = ""
    """Name of the ClickHouse cluster to make the tables on."""
    config: tuple[Path, ...] = ()
    """Collector configurations instead of the packaged one."""
    sync: Sync = Sync.ALWAYS
    retention_days: Mapping[Signal, int] = field(default_factory=lambda: dict(DEFAULT_DAYS))
    tokens: Mapping[str, str] = field(default_factory=dict)
    """Bearer token → project, or `*` for all of them. Empty: no token is required."""
    cors_origins: tuple[str, ...] = ()
    tls_cert: Path | None = None
    """Of OTLP, the API and Prometheus's API."""
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    """Clients must present a certificate that this authority signed."""

    def collector_config(self) -> CollectorConfig:
        """The Collector configuration that these options ask for.

        Raises:
            ConfigError: it cannot run.
        """
        self._check()
        packaged = files("belvedere.server").joinpath("up.yaml").read_text(encoding="utf-8")
        sources = [Source.file(path) for path in self.config] or [Source("up.yaml", packaged)]
        overlay = self._overlay()
        if overlay:
            sources.append(Source("command line", yaml.safe_dump(overlay)))
        return load_config(*sources, env=self._environment())

    def tls_config(self) -> TlsConfig | None:
        """The certificate of the API's ports; None: plain HTTP. Call `collector_config` first."""
        keys = self._tls_keys()
        return TlsConfig.model_validate(keys) if keys else None

    def _check(self) -> None:
        """What no component would refuse by the name of the option.

        Raises:
            ConfigError: options do not go together, or a value can have no effect.
        """
        if self.cluster and not self.store:
            raise ConfigError(
                "--cluster is of a ClickHouse server, and there is none", hint="name it by --store"
            )
        if bool(self.tls_cert) != bool(self.tls_key) or (self.tls_client_ca and not self.tls_cert):
            raise ConfigError(
                "TLS requires a certificate and its key",
                hint="set both --tls-cert and --tls-key; --tls-client-ca is for use with them",
            )
        ports = {"--port": self.port, "--prometheus-port": self.prometheus_port}
        if not self.config:
            ports |= {"--grpc-port": self.grpc_port, "--http-port": self.http_port}
        option_of: dict[int, str] = {}
        for option, port in ports.items():
            if port and (other := option_of.setdefault(port, option)) != option:
                raise ConfigError(
                    f"{other} and {option} are both {port}", hint="give each a port of its own"
                )
        for origin in self.cors_origins:
            if not _ORIGIN.fullmatch(origin):
                raise ConfigError(
                    f"--cors-origin {origin} is no origin",
                    hint="write it as browsers send it, with its scheme and without a path:"
                    " https://app.example.org",
                )

    def _tls_keys(self) -> dict[str, str]:
        """The options of TLS, as the keys of `tls` in a configuration."""
        paths = {
            "cert_file": self.tls_cert,
            "key_file": self.tls_key,
            "client_ca_file": self.tls_client_ca,
        }
        return {key: str(path) for key, path in paths.items() if path}

    def _environment(self) -> dict[str, str]:
        return {
            "BELVEDERE_GRPC_ENDPOINT": f"{self.host}:{self.grpc_port}",
            "BELVEDERE_HTTP_ENDPOINT": f"{self.host}:{self.http_port}",
            "BELVEDERE_DATA_DIR": str(self.data_dir),
        }

    def _overlay(self) -> dict[str, Any]:
        """What options add to the configuration: structure, where the file has only values."""
        http: dict[str, Any] = {}
        protocols: dict[str, Any] = {"grpc": {}, "http": http}
        tls = self._tls_keys()
        if tls:
            protocols = {name: {"tls": tls, **keys} for name, keys in protocols.items()}
        if self.cors_origins:
            protocols["http"]["cors"] = {
                "allowed_origins": list(self.cors_origins),
                "allowed_headers": list(_CORS_HEADERS),
            }
        otlp: dict[str, Any] = {}
        if any(protocols.values()):
            otlp["protocols"] = {name: keys for name, keys in protocols.items() if keys}
        if self.tokens:
            otlp["tokens"] = dict(self.tokens)
        overlay: dict[str, Any] = {"receivers": {"otlp": otlp}} if otlp else {}
        if self.sync is not Sync.ALWAYS:
            overlay["exporters"] = {"belvedere": {"queue": {"sync": str(self.sync)}}}
        return overlay
