"""OTLP over HTTP: one keep-alive connection, from the standard library."""

import gzip
import http.client
import math
import os
import ssl
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from belvedere.sdk.export.destination import Destination
from belvedere.sdk.export.outcome import Delivered, Outcome, Refused, Retry

_RETRYABLE: Final = frozenset({429, 502, 503, 504})
_HINTS: Final[Mapping[int, str]] = {
    401: "check the token in headers= or OTEL_EXPORTER_OTLP_HEADERS",
    403: "check the token in headers= or OTEL_EXPORTER_OTLP_HEADERS",
    404: "nothing there takes this signal; check the endpoint, and that a Collector there has a"
    " pipeline for it",
    405: "no OTLP receiver answers at this path; check the endpoint",
    413: "the batch is too large; use a smaller batch_size or OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
}
_COMPRESS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": lambda body: gzip.compress(body, compresslevel=1),
    "deflate": zlib.compress,
}
_GONE: Final = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class Sender(Protocol):
    """Sends serialized requests to one destination. Used by one thread at a time."""

    def send(self, request: bytes, timeout_s: float) -> Outcome:
        """Make one attempt. Never raises."""

    def close(self) -> None:
        """Let go of the connection. `send` opens a new one."""


class HttpSender:
    """A `Sender` of OTLP/HTTP with protobuf."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._headers = {
            "content-type": "application/x-protobuf",
            "user-agent": "belvedere-sdk",
            **destination.headers,
        }
        if destination.compression != "none":
            self._headers["content-encoding"] = destination.compression
        url = urlsplit(destination.endpoint)
        self._path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self._connection: http.client.HTTPConnection | None = None
        self._pid = os.getpid()

    def send(self, request: bytes, timeout_s: float) -> Outcome:
        if self._pid != os.getpid():  # the connection is the parent's
            self.close()
            self._pid = os.getpid()
        compress = _COMPRESS.get(self._destination.compression)
        body = compress(request) if compress else request
        try:
            reused = self._connection is not None
            try:
                return self._attempt(body, timeout_s)
            except _GONE:
                self.close()
                if not reused:
                    raise
                return self._attempt(body, timeout_s)  # an idle connection that the peer closed
        except ssl.SSLCertVerificationError as error:
            self.close()
            return Retry(f"{error.verify_message}; OTEL_EXPORTER_OTLP_CERTIFICATE names the CA")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return Retry(_words(error))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _attempt(self, body: bytes, timeout_s: float) -> Outcome:
        if self._connection is None:
            self._connection = self._connect(timeout_s)
        connection = self._connection
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        connection.request("POST", self._path, body, self._headers)
        response = connection.getresponse()
        content = response.read()
        if 200 <= response.status < 300:
            return delivered(content)
        reason = f"HTTP {response.status} {response.reason}"
        if response.status in _RETRYABLE:
            return Retry(reason, _retry_after_s(response.getheader("retry-after")))
        hint = _HINTS.get(response.status)
        return Refused(f"{reason}: {hint}" if hint else reason)

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        url = urlsplit(self._destination.endpoint)
        host, port = url.hostname or "", url.port
        proxy = None if proxy_bypass(url.netloc) else getproxies().get(url.scheme)
        if not self._destination.secure:
            if not proxy:
                return http.client.HTTPConnection(host, port, timeout=timeout_s)
            through = urlsplit(proxy)
            self._path = self._destination.endpoint  # a proxy wants the whole address
            return http.client.HTTPConnection(
                through.hostname or "", through.port, timeout=timeout_s
            )
        context = _tls(self._destination)
        if not proxy:
            return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
        through = urlsplit(proxy)
        connection = http.client.HTTPSConnection(
            through.hostname or "", through.port, timeout=timeout_s, context=context
        )
        connection.set_tunnel(host, port)
        return connection


def delivered(response: bytes) -> Delivered:
    """The outcome that an `Export*ServiceResponse` states; the three kinds have the same fields."""
    if not response:
        return Delivered()
    try:
        partial = ExportTraceServiceResponse.FromString(response).partial_success
    except DecodeError:  # accepted, whatever the words were
        return Delivered()
    return Delivered(partial.rejected_spans, partial.error_message)


def _tls(destination: Destination) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=destination.certificate or None)
    if destination.client_certificate:
        context.load_cert_chain(destination.client_certificate, destination.client_key or None)
    return context


def _retry_after_s(text: str | None) -> float | None:
    """Seconds of a `Retry-After`, which has them or a date (RFC 9110); None if it says nothing."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):  # no date; one that does not know its zone
            return None
    return seconds if 0 < seconds < math.inf else None


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if type(error) is http.client.BadStatusLine:  # not the one for a closed connection
        return "what answers speaks no HTTP/1.1; if it is gRPC, say protocol='grpc'"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
