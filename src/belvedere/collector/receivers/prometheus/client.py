"""The HTTP client of a job: one request a scrape, within its limits."""

import asyncio
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from belvedere import __version__
from belvedere.collector.errors import ConfigError
from belvedere.collector.http_failure import why_no_answer
from belvedere.collector.receivers.prometheus.http_config import PromTlsConfig
from belvedere.collector.receivers.prometheus.scrape_config import Protocol, ScrapeConfig
from belvedere.collector.receivers.prometheus.target import ScrapeTarget
from belvedere.otlp.compression import decompress
from belvedere.otlp.errors import OtlpError, TooLarge

_TYPES: Final[Mapping[Protocol, str]] = {
    Protocol.OPENMETRICS_1: "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
    Protocol.OPENMETRICS_0: "application/openmetrics-text;version=0.0.1",
    Protocol.TEXT: "text/plain;version=0.0.4",
    Protocol.TEXT_1: "text/plain;version=1.0.0;escaping=allow-utf-8",
}
_VERSIONS: Final = {
    "": None,
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}


class ScrapeError(Exception):
    """A scrape failed. The message says why, as `lastError` of a target."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a target answered."""

    text: str
    openmetrics: bool
    body_bytes: int
    """Uncompressed."""


class ScrapeClient:
    """Asks the targets of a job, over kept-alive connections."""

    def __init__(self, job: ScrapeConfig, key: str) -> None:
        """A client of no connections; `key` is where the job stands, for errors.

        Raises:
            ConfigError: a certificate cannot be used.
        """
        self._job = job
        self._limit = job.body_size_limit or sys.maxsize
        self._server_name = job.tls_config.server_name
        context = _ssl_context(job.tls_config, f"{key}::tls_config")
        self._client = httpx.AsyncClient(
            verify=context,
            headers={"user-agent": f"Belvedere/{__version__}", "accept": accept(job)},
            timeout=None,  # noqa: S113 - each scrape as a whole has one
            follow_redirects=job.follow_redirects,
            trust_env=False,
            proxy=job.proxy_url or None,
        )

    async def get(self, target: ScrapeTarget) -> Answer:
        """The answer of a target, which is 200 OK.

        Raises:
            ScrapeError: there was none in time, it was another one, or it is too large.
        """
        try:
            async with asyncio.timeout(target.timeout_s):
                return await self._get(target)
        except TimeoutError:
            raise ScrapeError(f"no answer within {target.timeout_s:g} s (scrape_timeout)") from None
        except httpx.HTTPError as error:
            raise ScrapeError(why_no_answer(error)) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _get(self, target: ScrapeTarget) -> Answer:
        headers = {
            "accept-encoding": "gzip" if self._job.enable_compression else "identity",
            "x-prometheus-scrape-timeout-seconds": f"{target.timeout_s:g}",
            **self._credentials(),
        }
        extensions = {"sni_hostname": self._server_name} if self._server_name else {}
        async with self._client.stream(
            "GET", target.url, headers=headers, extensions=extensions
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise ScrapeError(
                    f"the target answered {response.status_code} {response.reason_phrase}"
                )
            body = await self._body(response)
            answered = response.headers
        text, size = await asyncio.to_thread(
            _text, body, answered.get("content-encoding", ""), self._limit
        )
        return Answer(text, self._is_openmetrics(answered.get("content-type", "")), size)

    async def _body(self, response: httpx.Response) -> bytes:
        parts, size = [], 0
        async for part in response.aiter_raw():
            size += len(part)
            if size > self._limit:
                raise _too_large(self._limit)
            parts.append(part)
        return b"".join(parts)

    def _is_openmetrics(self, content_type: str) -> bool:
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type == "application/openmetrics-text":
            return True
        if media_type == "text/plain":
            return False
        fallback = self._job.fallback_scrape_protocol
        return fallback in (Protocol.OPENMETRICS_1, Protocol.OPENMETRICS_0)

    def _credentials(self) -> dict[str, str]:
        """Headers of the job. Files are read for each scrape, since what is in them changes."""
        job, headers = self._job, {}
        for name, header in job.http_headers.items():
            values = (*header.values, *header.secrets, *(_secret(file) for file in header.files))
            headers[name] = ", ".join(values)
        if basic := job.basic_auth:
            user = _secret(basic.username_file) if basic.username_file else basic.username
            password = _secret(basic.password_file) if basic.password_file else basic.password
            request = next(
                httpx.BasicAuth(user, password).auth_flow(httpx.Request("GET", "http://x"))
            )
            headers["authorization"] = request.headers["authorization"]
        elif job.authorization:
            own = job.authorization
            token = _secret(own.credentials_file) if own.credentials_file else own.credentials
            headers["authorization"] = f"{own.type} {token}"
        elif job.bearer_token or job.bearer_token_file:
            file = job.bearer_token_file
            headers["authorization"] = f"Bearer {_secret(file) if file else job.bearer_token}"
        return headers


def _text(body: bytes, coding: str, limit: int) -> tuple[str, int]:
    """The text of an answer and its bytes, uncompressed. A large one takes a while.

    Raises:
        ScrapeError: it is none, or is too large.
    """
    try:
        content = decompress(body, coding, limit_bytes=limit)
        return content.decode(), len(content)
    except TooLarge:
        raise _too_large(limit) from None
    except OtlpError as error:
        raise ScrapeError(str(error)) from None
    except UnicodeDecodeError as error:
        raise ScrapeError(f"the answer is no UTF-8: {error}") from None


def _too_large(limit: int) -> ScrapeError:
    return ScrapeError(f"the answer is larger than body_size_limit ({limit} bytes)")


def accept(job: ScrapeConfig) -> str:
    """The `Accept` header: the job's formats, then anything."""
    protocols = job.scrape_protocols or ()
    ranges = [
        f"{_TYPES[each]};q=0.{9 - number}" for number, each in enumerate(dict.fromkeys(protocols))
    ]
    return ",".join([*ranges, "*/*;q=0.1"])


def _secret(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ScrapeError(f"credentials cannot be read from {file}: {error}") from None


def _ssl_context(tls: PromTlsConfig, key: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file, cadata=tls.ca or None)
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"certificates cannot be used: {error}", key=key, hint="they are PEM files"
        ) from None
    if (oldest := _VERSIONS[tls.min_version]) is not None:
        context.minimum_version = oldest
    if (newest := _VERSIONS[tls.max_version]) is not None:
        context.maximum_version = newest
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
