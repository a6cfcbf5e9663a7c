"""uvicorn's HTTP protocol with bounds on the head of a request, which it has not itself."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MAX_HEAD_BYTES: Final = 64 << 10


class BoundedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose request line and headers end within 64 KiB and a time, or the connection does.

    uvicorn itself closes a connection on which no second request begins.
    """

    _in_head = False
    _head_bytes = 0
    _late: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, head_timeout_s: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timeout_s = head_timeout_s

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_late()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > _MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"The headers are longer than {_MAX_HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        if self._late is None:
            self._expect_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._cancel_late()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(self._head_timeout_s, self.transport.close)

    def _cancel_late(self) -> None:
        if self._late:
            self._late.cancel()
            self._late = None
