"""POST requests to a peer over kept-alive connections: what the exporters over HTTP share.

`HttpExporter` has one beside its `Delivery`. An exporter judges the answer to each attempt itself,
as what a status means differs:

    answer = await self._post(url, body)
    if not answer.is_success:
        raise answer.refusal(is_429_or_5xx)
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import httpx
from pydantic import Field, field_validator

from belvedere import __version__
from belvedere.collector.component import Host
from belvedere.collector.duration import Duration, SizeBytes
from belvedere.collector.errors import ConsumeError, Permanent, Retryable
from belvedere.collector.exporters.client_auth import AUTH, ClientAuth, ClientAuthConfig
from belvedere.collector.exporters.client_tls import ClientTlsConfig, renew
from belvedere.collector.exporters.delivery import DeliveryConfig
from belvedere.collector.exporters.otlp_answer import retry_after_s
from belvedere.collector.header_list import Headers
from belvedere.collector.http_failure import why_no_answer
from belvedere.collector.tls import Renewal

_MAX_ANSWER_BYTES = 4 << 20
"""OTLP's limit for responses, good for others too."""

_IN_THREAD_BYTES = 64 << 10
"""Bodies from this size on are compressed in a thread, so as not to hold up the event loop."""

_SHOWN_BYTES = 200
"""How much of an error's body is shown where it is plain text."""


_UNCHANGED: Final = "Changes nothing: buffers have the size of what they hold."
_NO_HTTP2: Final = "Changes nothing: requests are HTTP/1.1."


class HttpPostConfig(DeliveryConfig):
    """The keys that exporters over HTTP share, after the Collector's `confighttp.ClientConfig`."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "compression_params": "levels are chosen for speed; remove this key",
        "cookies": "no cookies are kept; remove this key",
        "force_attempt_http2": "requests are HTTP/1.1; remove this key",
        "middlewares": "there are no such extensions",
    }

    tls: ClientTlsConfig = Field(
        default_factory=ClientTlsConfig, description="Certificates, for URLs with https://."
    )
    auth: ClientAuthConfig | None = Field(None, description=AUTH)
    headers: Headers = Field(
        default_factory=dict, repr=False, description="Headers sent with each request."
    )
    proxy_url: str = Field(
        "", description="Proxy for all requests; without it, those of HTTPS_PROXY and HTTP_PROXY."
    )
    max_idle_conns: int = Field(
        100, ge=0, description="Connections that are kept open while nothing is sent."
    )
    max_idle_conns_per_host: int = Field(
        0, ge=0, description="The same, as there is one host; 0: max_idle_conns counts."
    )
    max_conns_per_host: int = Field(0, ge=0, description="Connections at most; 0: no limit.")
    idle_conn_timeout: Duration = Field(
        90.0, description="Time after which a connection is closed on which nothing is sent."
    )
    disable_keep_alives: bool = Field(
        False, description="Whether each request has a connection of its own."
    )
    read_buffer_size: SizeBytes = Field(0, description=_UNCHANGED)
    write_buffer_size: SizeBytes = Field(0, description=_UNCHANGED)
    http2_read_idle_timeout: Duration = Field(0.0, description=_NO_HTTP2)
    http2_ping_timeout: Duration = Field(0.0, description=_NO_HTTP2)

    @field_validator("proxy_url")
    @classmethod
    def _is_proxy(cls, value: str) -> str:
        return checked_url(value)

    def limits(self) -> httpx.Limits:
        """How many connections there are, and for how long."""
        idle = self.max_idle_conns_per_host or self.max_idle_conns
        return httpx.Limits(
            max_connections=self.max_conns_per_host or None,
            max_keepalive_connections=0 if self.disable_keep_alives else idle,
            keepalive_expiry=self.idle_conn_timeout or None,
        )


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a peer answered."""

    url: str
    status: int
    reason: str
    headers: Mapping[str, str]
    """Names in any case."""
    body: bytes
    """Empty where it is longer than the limit or cannot be decoded."""

    @property
    def is_success(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300

    def refusal(
        self,
        is_retryable: Callable[[int], bool],
        *,
        said: str | None = None,
        after_s: float | None = None,
    ) -> ConsumeError:
        """What a status that is no success means for the batch.

        Args:
            is_retryable: Whether a request with this status may be sent again.
            said: What the peer says; without it, the beginning of the body.
            after_s: The pause that the peer asks for where there is no Retry-After header.
        """
        if said is None:
            said = self.body[:_SHOWN_BYTES].decode(errors="replace").strip()
        message = f"{self.url}: {self.status} {self.reason}: {said}".rstrip(": ")
        if location := self.headers.get("location"):
            message += f" (redirects are not followed; set the endpoint to {location})"
        if not is_retryable(self.status):
            return Permanent(message)
        asked_s = retry_after_s(self.headers.get("retry-after"))
        return Retryable(message, after_s=after_s if asked_s is None else asked_s)


def is_429_or_5xx(status: int) -> bool:
    """Whether Loki and Prometheus's remote write want such a request again."""
    return status == 429 or status >= 500


def checked_url(value: str) -> str:
    """A configured URL, as it is; empty is allowed.

    Raises:
        ValueError: it is none with http:// or https:// and a host.
    """
    try:
        url = httpx.URL(value)
    except httpx.InvalidURL as error:
        raise ValueError(f"{value!r} is no URL: {error}") from error
    if value and (url.scheme not in {"http", "https"} or not url.host):
        raise ValueError(f"{value!r} is no URL; write http://host:port or https://host:port")
    return value


async def compressed(compress: Callable[[bytes], bytes] | None, data: bytes) -> bytes:
    """`data` through `compress`, where there is one; large data in a thread."""
    if compress is None:
        return data
    if len(data) < _IN_THREAD_BYTES:
        return compress(data)
    return await asyncio.to_thread(compress, data)


class HttpPost:
    """A client of one exporter."""

    def __init__(self, config: HttpPostConfig, host: Host, headers: Mapping[str, str]) -> None:
        """`headers`, in lower case, go with each request; the configuration's win over them.

        Raises:
            ConfigError: `auth` names no extension that says who we are.
        """
        self._config, self._id = config, host.component_id
        self._auth = ClientAuth(config.auth, host)
        self._headers = {"user-agent": f"Belvedere/{__version__}"} | dict(headers)
        self._client: httpx.AsyncClient | None = None
        self._tls: ssl.SSLContext | None = None
        self._renewal = Renewal(config.tls)

    async def start(self) -> None:
        """Make the client; the peer need not be there yet.

        Raises:
            ConfigError: a certificate file cannot be read.
        """
        config = self._config
        own = {name.lower(): value for name, value in config.headers.items()}
        self._tls = config.tls.ssl_context()
        self._client = httpx.AsyncClient(
            verify=self._tls,
            headers=httpx.Headers(self._headers | own),
            timeout=None,  # noqa: S113 - each attempt as a whole has one
            limits=config.limits(),
            proxy=config.proxy_url or None,
            mounts=None
            if config.proxy_url
            else dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]")),
        )

    async def shutdown(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client:
            await client.aclose()

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """The answer to one request with `body`, whatever its status.

        Args:
            url: Where it goes.
            body: What is sent, compressed already.
            headers: Of this request alone, before all others.

        Raises:
            Retryable: there was no answer, or none within `timeout`; or the credentials of `auth`
                cannot be had now.
        """
        if self._client is None or self._tls is None:
            raise Retryable(f"{self._id} is not running")
        if self._renewal.is_due():
            renew(self._tls, self._config.tls)
        override = self._config.tls.server_name_override
        request = self._client.build_request(
            "POST",
            url,
            content=body,
            headers={**await self._auth.headers(), **(headers or {})},
            extensions={"sni_hostname": override} if override else {},
        )
        try:
            async with asyncio.timeout(self._config.timeout or None):
                response = await self._client.send(request, stream=True)
                try:
                    answer = await _read(response)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            limit_s = self._config.timeout
            raise Retryable(f"{url}: no answer within {limit_s:g} s (timeout)") from error
        except httpx.TransportError as error:
            raise Retryable(f"{url}: {why_no_answer(error)}") from error
        return HttpAnswer(
            url, response.status_code, response.reason_phrase, response.headers, answer
        )


async def _read(response: httpx.Response) -> bytes:
    """The response's body; nothing where it is longer than the limit or cannot be decoded."""
    parts, size = [], 0
    try:
        async for part in response.aiter_bytes():
            size += len(part)
            if size > _MAX_ANSWER_BYTES:
                return b""
            parts.append(part)
    except httpx.DecodingError:
        return b""
    return b"".join(parts)
