"""Guard against DNS rebinding: a server on the loopback answers for loopback names only.

Without it, a page in the user's browser whose name an attacker points at 127.0.0.1 could read
everything through the API: to the browser it would be the page's own server.
"""

import ipaddress

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class LoopbackHost:
    """ASGI middleware that refuses requests whose `Host` is no name of this machine."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_loopback(Headers(scope=scope).get("host", "")):
            refusal = PlainTextResponse(
                "This server answers for localhost only, as it listens on the loopback."
                " Start it with --host to be reached by other names.\n",
                status_code=421,
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_loopback(host: str) -> bool:
    """Whether a `Host` header, with or without a port, names the loopback.

    >>> [is_loopback(host) for host in ("localhost:1", "[::1]:1", "127.0.0.1", "evil.example")]
    [True, True, True, False]
    """
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
