"""Requests in `http_requests_total` and `http_request_duration_seconds`, as ASGI middleware."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from belvedere import metrics


class RequestMetrics:
    """Counts requests by the template of their path, to the end of their answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and record what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began_s = time.perf_counter()
        try:
            await self._app(scope, receive, watch)
        finally:
            route = scope.get("route")
            # Paths that nobody serves are one series: their number is not ours to bound.
            path = getattr(route, "path", "unknown")
            method = scope["method"]
            duration_s = time.perf_counter() - began_s
            metrics.http_requests_total.add(1, method=method, path=path, status=status)
            metrics.http_request_duration_seconds.record(duration_s, method=method, path=path)
