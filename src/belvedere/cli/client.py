"""`Client`: the server's HTTP API, as the commands use it."""

import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import SplitResult, urlsplit

import httpx

from belvedere.cli.errors import CliError, NoAnswer

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

_TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)
_CA: Final = "BELVEDERE_CA"
"""File of the authorities that sign servers' certificates, instead of the public ones."""
_CERTIFICATE: Final = "BELVEDERE_CLIENT_CERT"
"""File of the own certificate, where a server requires one."""
_KEY: Final = "BELVEDERE_CLIENT_KEY"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Client:
    """A connection to a server. Every error is a `CliError` that says what to do next."""

    def __init__(self, server: str, project: str = "", token: str = "") -> None:
        self.server = server.rstrip("/")
        headers = {"X-Scope-OrgID": project} if project else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        url = urlsplit(self.server)
        if url.scheme not in ("http", "https") or not url.hostname or not _has_port(url):
            raise CliError(
                f"{server!r} is no address of a server",
                "Write it like --server http://127.0.0.1:4320 (or set BELVEDERE_URL).",
            )
        for option, text in (("--project", project), ("--token", token)):
            if not (text.isascii() and text.isprintable()):
                raise CliError(
                    f"{text!r} cannot be a value of {option}: it holds more than printable ASCII"
                )
        try:
            self._http = httpx.Client(
                base_url=self.server,
                headers=headers,
                timeout=_TIMEOUT,
                trust_env=url.hostname not in _LOOPBACK,  # a proxy is not on the way to here
                verify=_tls() if url.scheme == "https" else True,
            )
        except (ValueError, httpx.InvalidURL) as error:
            raise CliError(f"cannot use {server!r} with these options: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def rows(self, query: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query."""
        answer = self.answer(query, params, "json")
        rows: list[dict[str, Any]] = _json(answer, self.server)["data"]
        return rows

    def answer(
        self,
        query: str,
        params: Mapping[str, Any] | None,
        format: str,  # noqa: A002 - the API's word
    ) -> httpx.Response:
        """The answer to a query, in a format of the API."""
        body = {"query": query, "params": dict(params or {}), "format": format}
        return self._ask("POST", "/api/sql", json=body)

    def status(self) -> dict[str, Any]:
        """How the server is doing."""
        return _json(self._ask("GET", "/api/status"), self.server)

    def prometheus(self, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The whole answer of an endpoint of Prometheus's API."""
        return _json(
            self._ask("POST", f"/prometheus/api/v1/{path}", data=dict(params)), self.server
        )

    def rejected(self) -> list[dict[str, Any]]:
        """What the store could not read, oldest first."""
        body = _json(self._ask("GET", "/api/rejected"), self.server)
        entries: list[dict[str, Any]] = body["rejected"]
        return entries

    def replay(self, ids: Sequence[str] | None) -> dict[str, Any]:
        """Replay what was rejected: `ids`, or None for all."""
        body = {"all": True} if ids is None else {"ids": list(ids)}
        return _json(self._ask("POST", "/api/rejected/replay", json=body), self.server)

    def trace(self, trace_id: str) -> "TracesData | None":
        """All spans of a trace; None if there is no such trace."""
        from opentelemetry.proto.trace.v1.trace_pb2 import TracesData  # noqa: PLC0415 - not for all

        headers = {"Accept": "application/protobuf"}
        answer = self._ask("GET", f"/api/traces/{trace_id}", accept=404, headers=headers)
        return None if answer.status_code == 404 else TracesData.FromString(answer.content)

    def _ask(self, method: str, path: str, *, accept: int = 200, **request: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _unreachable(error, self.server) from None
        except httpx.TimeoutException:
            raise NoAnswer(
                f"{self.server} does not answer in time",
                "Ask for less (--since, --limit), or look at: belvedere status",
            ) from None
        except httpx.HTTPError as error:
            raise _broken(error, self.server) from None
        if answer.status_code not in (200, accept):
            raise _refused(answer, self.server)
        return answer


def _tls() -> ssl.SSLContext:
    """What to trust, and what to show, of certificates: by BELVEDERE_CA and its like.

    Raises:
        CliError: a file is not what it should be.
    """
    authority, certificate = os.environ.get(_CA, ""), os.environ.get(_CERTIFICATE, "")
    variable = _CA
    try:
        if authority:
            context = ssl.create_default_context(cafile=authority)
        else:  # by SSL_CERT_FILE or SSL_CERT_DIR, also for loopback; else the public ones
            variable = "SSL_CERT_FILE"
            context = httpx.create_ssl_context(trust_env=True)
        if certificate:
            variable = _CERTIFICATE
            context.load_cert_chain(certificate, os.environ.get(_KEY) or None)
    except OSError as error:  # of ssl, too
        raise CliError(
            f"cannot use the file in {variable}: {error.strerror or error}",
            f"{_CA} is a PEM file of authorities, {_CERTIFICATE} and {_KEY} are one of a"
            " certificate and of its private key.",
        ) from None
    return context


def _has_port(url: SplitResult) -> bool:
    """Whether its port, if it names one, can be one."""
    try:
        return url.port != 0
    except ValueError:
        return False


def _unreachable(error: httpx.TransportError, server: str) -> NoAnswer:
    causes = _causes(error)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return NoAnswer(
            f"the certificate of {server} is not trusted: {error}",
            f"Name the authority that signed it: {_CA}=ca.pem (and the server by a name that is in"
            " the certificate: --server URL)",
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return NoAnswer(
            f"{server} answers, but not by TLS: {error}",
            "Belvedere's API is https:// if it runs with --tls-cert, else http://.",
        )
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return NoAnswer(
            f"there is no host of the name in {server}", "See --server and BELVEDERE_URL."
        )
    return NoAnswer(
        f"nothing answers at {server}",
        "Start it with: belvedere up    (another address: --server URL or BELVEDERE_URL)",
    )


def _broken(error: httpx.HTTPError, server: str) -> NoAnswer:
    """The error for a connection that ends without an answer, as that of http:// to TLS does."""
    hint = "Is that Belvedere's API?"
    if server.startswith("http:"):
        hint += f" If it runs with --tls-cert: --server https{server.removeprefix('http')}"
    else:  # TLS 1.3 servers refuse a client without a certificate after the handshake
        hint += f" If it runs with --tls-client-ca: {_CERTIFICATE}=cert.pem {_KEY}=key.pem"
    return NoAnswer(f"the connection to {server} failed: {error}", hint)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that it came of."""
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None:
        found.append(following)
        following = following.__cause__ or following.__context__
    return found


def _refused(answer: httpx.Response, server: str) -> CliError:
    try:
        body = answer.json()
        message = str(body["error"])
    except (ValueError, TypeError, KeyError):
        return CliError(
            f"{server} answers, but not as Belvedere does (HTTP {answer.status_code})",
            "Its API listens on port 4320 by default; see --server.",
        )
    if answer.status_code == 503:
        return NoAnswer(message, "Try again in a moment; see also: belvedere status")
    return CliError(message)


def _json(answer: httpx.Response, server: str) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise CliError(
            f"{server} answers, but not as Belvedere does",
            "Its API listens on port 4320 by default; see --server.",
        )
    return body
