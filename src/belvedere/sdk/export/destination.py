"""Where a signal goes: the `OTEL_EXPORTER_OTLP_*` variables, and the arguments that precede them.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/. A variable of one signal
(`OTEL_EXPORTER_OTLP_TRACES_HEADERS`) precedes the one of all (`OTEL_EXPORTER_OTLP_HEADERS`).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from opentelemetry.util.re import parse_env_headers

from belvedere.sdk.errors import SettingError

Signal = Literal["traces", "metrics", "logs"]
Protocol = Literal["grpc", "http"]

_PROTOCOLS: Final[Mapping[str, Protocol]] = {
    "grpc": "grpc",
    "http": "http",
    "http/protobuf": "http",
}
_PORTS: Final[Mapping[Protocol, int]] = {"grpc": 4317, "http": 4318}
_COMPRESSIONS: Final = ("none", "gzip", "deflate")
_DEFAULT_TIMEOUT_S: Final = 10.0
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_LEAST_MILLISECONDS: Final = 100


@dataclass(frozen=True, slots=True)
class Destination:
    """Where and how one signal is sent.

    Attributes:
        endpoint: `scheme://host:port/path` for HTTP, `scheme://host:port` for gRPC.
        headers: with lower-case names.
        timeout_s: of one attempt.
        certificate: file of the authorities to trust; empty for the system's.
        client_certificate: file of the certificate to show (mTLS).
        client_key: file of its key.
    """

    signal: Signal
    protocol: Protocol
    endpoint: str
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = _DEFAULT_TIMEOUT_S
    compression: str = "none"
    certificate: str = ""
    client_certificate: str = ""
    client_key: str = ""

    @property
    def secure(self) -> bool:
        """Whether it is TLS."""
        return self.endpoint.startswith("https:")


def destination(
    signal: Signal,
    *,
    endpoint: str | None = None,
    protocol: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Destination:
    """The destination of `signal`: argument, else variable, else `http://localhost:4318`.

    Where nobody says which protocol, port 4317 means gRPC and every other HTTP, as the
    specification recommends.

    Raises:
        SettingError: a value cannot be used.
    """
    base = endpoint or _variable(signal, "ENDPOINT")
    spoken = _protocol(protocol or _variable(signal, "PROTOCOL"), base)
    of_signal = (
        None if endpoint else os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
    )
    compression = _variable(signal, "COMPRESSION").lower() or "none"
    if compression not in _COMPRESSIONS or (spoken, compression) == ("grpc", "deflate"):
        raise SettingError(
            f"OTEL_EXPORTER_OTLP_COMPRESSION is {compression!r}; {spoken} has none and gzip"
        )
    said = parse_env_headers(_variable(signal, "HEADERS"), liberal=True)
    return Destination(
        signal=signal,
        protocol=spoken,
        endpoint=_endpoint(signal, base, spoken, whole=of_signal is not None),
        headers={**said, **{name.lower(): text for name, text in (headers or {}).items()}},
        timeout_s=_timeout_s(_variable(signal, "TIMEOUT")),
        compression=compression,
        certificate=_variable(signal, "CERTIFICATE"),
        client_certificate=_variable(signal, "CLIENT_CERTIFICATE"),
        client_key=_variable(signal, "CLIENT_KEY"),
    )


def _variable(signal: Signal, name: str) -> str:
    return (
        os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}")
        or os.environ.get(f"OTEL_EXPORTER_OTLP_{name}")
        or ""
    ).strip()


def _protocol(named: str, endpoint: str) -> Protocol:
    if not named:
        grpc = _split(endpoint).port == _PORTS["grpc"] if endpoint else False
        return "grpc" if grpc else "http"
    if named not in _PROTOCOLS:
        raise SettingError(f"protocol {named!r} is not known; there are grpc and http (protobuf)")
    return _PROTOCOLS[named]


def _endpoint(signal: Signal, base: str, protocol: Protocol, *, whole: bool) -> str:
    """`base` with scheme, port and, unless it is `whole`, the path of the signal."""
    url = _split(base or f"http://localhost:{_PORTS[protocol]}")
    scheme = url.scheme
    if not scheme:
        insecure = _variable(signal, "INSECURE").lower()
        plain = insecure == "true" if insecure else url.hostname in _LOOPBACK
        scheme = "http" if plain else "https"
    if protocol == "grpc":
        return f"{scheme}://{url.netloc}"
    path = url.path if whole else url.path.removesuffix("/").removesuffix(f"/v1/{signal}")
    query = f"?{url.query}" if url.query else ""
    return f"{scheme}://{url.netloc}{path if whole else f'{path}/v1/{signal}'}{query}"


def _split(endpoint: str) -> "_Url":
    url = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
    try:
        port = url.port
    except ValueError as error:
        raise SettingError(f"endpoint {endpoint!r}: {error}") from None
    if not url.hostname or url.scheme not in {"", "http", "https"}:
        raise SettingError(f"endpoint {endpoint!r} is no address; write http://HOST:4318")
    return _Url(url.scheme, url.netloc, url.hostname, port, url.path, url.query)


@dataclass(frozen=True, slots=True)
class _Url:
    scheme: str
    netloc: str
    hostname: str
    port: int | None
    path: str
    query: str


def _timeout_s(text: str) -> float:
    """Seconds of a timeout variable.

    The specification says milliseconds, the stock Python exporters read seconds. A timeout of
    less than 100 ms is no timeout anyone means, nor is one of more than 100 s.
    """
    if not text:
        return _DEFAULT_TIMEOUT_S
    try:
        number = float(text)
    except ValueError:
        raise SettingError(f"OTEL_EXPORTER_OTLP_TIMEOUT is {text!r}, no number") from None
    return number / 1000 if number >= _LEAST_MILLISECONDS else number or _DEFAULT_TIMEOUT_S
