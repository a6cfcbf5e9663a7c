"""Where a signal goes: the `OTEL_EXPORTER_OTLP_*` variables, and the arguments that precede them.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/. A variable of one signal
(`OTEL_EXPORTER_OTLP_TRACES_HEADERS`) precedes the one of all (`OTEL_EXPORTER_OTLP_HEADERS`). One
whose number or word cannot be used is warned of and counts as unset, and so does an empty one
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
"""

import functools
import logging
import math
import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from opentelemetry.util.re import parse_env_headers

from belvedere.sdk.errors import SettingError

_log = logging.getLogger("belvedere.sdk")

Signal = Literal["traces", "metrics", "logs"]
Protocol = Literal["grpc", "http"]

_PROTOCOLS: Final[Mapping[str, Protocol]] = {
    "grpc": "grpc",
    "http": "http",
    "http/protobuf": "http",
}
_PORTS: Final[Mapping[Protocol, int]] = {"grpc": 4317, "http": 4318}
_COMPRESSIONS: Final[Mapping[Protocol, tuple[str, ...]]] = {
    "http": ("none", "gzip", "deflate"),
    "grpc": ("none", "gzip"),
}
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
        SettingError: an argument cannot be used, or the address of a variable.
    """
    of_signal = None if endpoint else _variable(signal, "ENDPOINT", of_all=False)
    base = endpoint or of_signal or _variable(signal, "ENDPOINT")
    spoken = _protocol(protocol) if protocol else _protocol_of_variables(signal, base)
    said = parse_env_headers(_variable(signal, "HEADERS"), liberal=True)
    basic = _split(base).authorization if base else {}
    return Destination(
        signal=signal,
        protocol=spoken,
        endpoint=_endpoint(signal, base, spoken, whole=bool(of_signal)),
        headers={**basic, **said, **{name.lower(): text for name, text in (headers or {}).items()}},
        timeout_s=_timeout_s(signal),
        compression=_compression(signal, spoken),
        certificate=_variable(signal, "CERTIFICATE"),
        client_certificate=_variable(signal, "CLIENT_CERTIFICATE"),
        client_key=_variable(signal, "CLIENT_KEY"),
    )


def check(endpoint: str | None, protocol: str | None) -> None:
    """Judge the arguments, whatever the variables are.

    Raises:
        SettingError: one of them cannot be used.
    """
    if endpoint:
        _split(endpoint)
    if protocol:
        _protocol(protocol)


def _variable(signal: Signal, name: str, *, of_all: bool = True) -> str:
    """The variable of the signal, else the one of all; empty if neither says anything."""
    said = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}", "").strip()
    return said or (os.environ.get(f"OTEL_EXPORTER_OTLP_{name}", "").strip() if of_all else "")


@functools.cache  # the three signals share most variables: said once
def cannot_be_used(name: str, text: str, instead: str) -> None:
    _log.warning("OTEL_EXPORTER_OTLP_%s is %r, which cannot be used; %s.", name, text, instead)


def _protocol(named: str) -> Protocol:
    if named not in _PROTOCOLS:
        raise SettingError(f"protocol {named!r} is not known; there are grpc and http (protobuf)")
    return _PROTOCOLS[named]


def _protocol_of_variables(signal: Signal, endpoint: str) -> Protocol:
    named = _variable(signal, "PROTOCOL").lower()
    if named in _PROTOCOLS:
        return _PROTOCOLS[named]
    if named:
        cannot_be_used("PROTOCOL", named, "there are grpc and http/protobuf, and the port decides")
    grpc = _split(endpoint).port == _PORTS["grpc"] if endpoint else False
    return "grpc" if grpc else "http"


def _compression(signal: Signal, protocol: Protocol) -> str:
    named = _variable(signal, "COMPRESSION").lower() or "none"
    if named in _COMPRESSIONS[protocol]:
        return named
    there_are = " and ".join(_COMPRESSIONS[protocol])
    cannot_be_used("COMPRESSION", named, f"{protocol} has {there_are}, and none is used")
    return "none"


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
    who, _, netloc = url.netloc.rpartition("@")
    return _Url(url.scheme, who, netloc, url.hostname, port, url.path, url.query)


@dataclass(frozen=True, slots=True)
class _Url:
    scheme: str
    who: str
    """`user:password`, if the address has them. They are no part of what is logged."""
    netloc: str
    hostname: str
    port: int | None
    path: str
    query: str

    @property
    def authorization(self) -> Mapping[str, str]:
        """The header that says who asks, as every HTTP client makes it of such an address."""
        if not self.who:
            return {}
        return {"authorization": f"Basic {b64encode(unquote(self.who).encode()).decode()}"}


def _timeout_s(signal: Signal) -> float:
    """Seconds of the timeout variable.

    The specification says milliseconds, the stock Python exporters read seconds. A timeout of
    less than 100 ms is no timeout anyone means, nor is one of more than 100 s.
    """
    text = _variable(signal, "TIMEOUT")
    try:
        number = float(text or 0)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        cannot_be_used("TIMEOUT", text, f"{_DEFAULT_TIMEOUT_S:.0f} s is used")
        return _DEFAULT_TIMEOUT_S
    return number / 1000 if number >= _LEAST_MILLISECONDS else number or _DEFAULT_TIMEOUT_S
