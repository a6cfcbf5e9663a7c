"""Guard against DNS rebinding: a server on the loopback answers for loopback names only.

Without it, a page in the user's browser whose name an attacker points at 127.0.0.1 could read and
write everything: to the browser it would be the page's own server.
"""

import ipaddress
import re
from functools import lru_cache
from typing import Final

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]+))(?::[0-9]{0,5})?")
"""An IPv6 address in brackets or any other name, and a port."""


class LoopbackHost:
    """ASGI middleware that refuses requests whose `Host` is not a name of this machine."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            if len(hosts) != 1 or not is_loopback(hosts[0].decode("latin-1")):
                refusal = PlainTextResponse(
                    "This server answers for localhost only, as it listens on the loopback."
                    " Let it listen on another address (belvedere up: --host) to be reached by"
                    " other names.\n",
                    status_code=421,
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


@lru_cache(maxsize=32)
def is_loopback(host: str) -> bool:
    """Whether a `Host` header, with or without a port, names the loopback.

    >>> [is_loopback(host) for host in ("localhost:1", "[::1]:1", "127.0.0.1", "evil.example")]
    [True, True, True, False]
    """
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1] or match[2].lower().removesuffix(".")
    return name == "localhost" or is_loopback_address(name)


def is_loopback_address(text: str) -> bool:
    """Whether an IP address reaches this machine only; False if the text is not an address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
