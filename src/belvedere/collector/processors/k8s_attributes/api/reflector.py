"""A list of the Kubernetes API, kept up to date: listed once, then watched."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
import orjson
import structlog

from belvedere.collector.errors import ConfigError
from belvedere.collector.processors.k8s_attributes.api.access import Access

_PAGE: Final = 500
_WATCH_S: Final = 300
"""How long the server is asked to keep a watch open."""
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_GONE: Final = 410

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Listing:
    """One list of the API."""

    path: str
    """`/api/v1/pods`."""
    parameters: Mapping[str, str]
    """Selectors."""
    replace: Callable[[list[Any]], None]
    """Takes all objects of the list, each time it is listed."""
    update: Callable[[Any], None]
    """Takes an object that is new or has changed."""
    delete: Callable[[Any], None]
    """Takes an object that is not there any more."""


class ApiError(Exception):
    """The API's answer was no success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Reflector:
    """Lists, watches, and begins anew when the watch is lost; errors are logged and outlived."""

    def __init__(self, client: httpx.AsyncClient, access: Access, listing: Listing) -> None:
        self._client, self._access, self._listing = client, access, listing
        self.synced = asyncio.Event()
        """Set when the list is complete for the first time."""

    async def run(self) -> None:
        """Until it is cancelled."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                version = await self._list()
                pause_s = _FIRST_PAUSE_S
                while version:
                    began_s = time.monotonic()
                    version = await self._watch(version)
                    await asyncio.sleep(_FIRST_PAUSE_S - (time.monotonic() - began_s))
            except (httpx.HTTPError, ApiError, ConfigError, orjson.JSONDecodeError) as error:
                log.warning(
                    "kubernetes_api_failed",
                    path=self._listing.path,
                    error=str(error) or type(error).__name__,
                    retry_after_s=pause_s,
                    hint="the account needs get, list and watch for this",
                )
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _list(self) -> str:
        """Take the whole list; the version from which to watch."""
        objects: list[Any] = []
        parameters = {**self._listing.parameters, "limit": str(_PAGE)}
        while True:
            answer = await self._client.get(
                self._listing.path, params=parameters, headers=self._access.headers()
            )
            if answer.status_code != httpx.codes.OK:
                raise ApiError(answer.status_code, _message(answer.content))
            document = orjson.loads(answer.content)
            objects += document.get("items") or []
            more = document.get("metadata", {}).get("continue")
            if not more:
                break
            parameters["continue"] = more
        self._listing.replace(objects)
        self.synced.set()
        return str(document["metadata"].get("resourceVersion", ""))

    async def _watch(self, version: str) -> str:
        """Follow changes until the server ends it; the version to go on from, or "" to list."""
        parameters = {
            **self._listing.parameters,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_S),
            "resourceVersion": version,
        }
        async for event in self._events(parameters):
            kind, changed = event.get("type"), event.get("object") or {}
            if kind == "ERROR":
                if changed.get("code") == _GONE:
                    return ""
                raise ApiError(changed.get("code", 0), str(changed.get("message")))
            version = changed.get("metadata", {}).get("resourceVersion") or version
            if kind in ("ADDED", "MODIFIED"):
                self._listing.update(changed)
            elif kind == "DELETED":
                self._listing.delete(changed)
        return version

    async def _events(self, parameters: Mapping[str, str]) -> AsyncIterator[Any]:
        async with self._client.stream(
            "GET",
            self._listing.path,
            params=parameters,
            headers=self._access.headers(),
            timeout=httpx.Timeout(10, read=_WATCH_S + 30),
        ) as answer:
            if answer.status_code == _GONE:
                yield {"type": "ERROR", "object": {"code": _GONE}}
                return
            if answer.status_code != httpx.codes.OK:
                raise ApiError(answer.status_code, _message(await answer.aread()))
            rest = b""
            async for chunk in answer.aiter_bytes():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in filter(None, lines):
                    yield orjson.loads(line)


def _message(body: bytes) -> str:
    """What an answer says about an error."""
    try:
        return str(orjson.loads(body)["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
