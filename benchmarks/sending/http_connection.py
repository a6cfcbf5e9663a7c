"""An HTTP/1.1 connection that sends serialized requests, on asyncio's streams."""

import asyncio

from sending.plan import Plan
from sending.refused import Refused


class HttpConnection:
    """One connection, kept alive."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        encoding = "Content-Encoding: gzip\r\n" if plan.gzip else ""
        self._head = (
            f"POST /v1/{plan.signal} HTTP/1.1\r\nHost: {plan.host}:{plan.port}\r\n"
            f"Content-Type: application/x-protobuf\r\n{encoding}Content-Length: "
        ).encode()

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(self._plan.host, self._plan.port)

    async def send(self, request: bytes) -> bytes:
        """Send one request; returns the body of the answer.

        Raises:
            Refused: to be sent again later.
            RuntimeError: the server does not want it, now or later.
        """
        async with asyncio.timeout(self._plan.timeout_s):
            self._writer.writelines((self._head, b"%d\r\n\r\n" % len(request), request))
            await self._writer.drain()
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head.split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        status = lines[0].split(" ")[1]
        if status in {"429", "502", "503", "504"}:
            after = headers.get("retry-after")
            raise Refused(float(after) if after and after.isdigit() else None)
        if status != "200":
            raise RuntimeError(f"HTTP {status}: {body[:300]!r}")
        return body

    async def close(self) -> None:
        """Disconnect."""
        self._writer.close()
