"""uvicorn's HTTP protocol with limits on the size of a head and on the time of head and body."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MAX_HEAD_BYTES: Final = 64 << 10


class BoundedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 that closes a connection whose request is too long in its lines or too late.

    Request line and headers, and the trailers of a chunked body, are limited to 64 KiB beyond the
    read in which they begin. Head and body each have a time. Trailers are dropped: they come when
    the request is under way, and must not change its headers.

    uvicorn itself closes a connection on which no second request begins.
    """

    _in_head = False
    _in_body = False
    _lines_began = False
    """Head or body began in this read, maybe after other data."""
    _body_came = False
    """This read held bytes of a body, and not only its framing or trailers."""
    _line_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def __init__(
        self, *args: Any, head_timeout_s: float, body_timeout_s: float, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._head_timeout_s, self._body_timeout_s = head_timeout_s, body_timeout_s

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._set_deadline(self._head_timeout_s, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._body_came = False
        super().data_received(data)
        if self.transport.is_closing():
            self._clear_deadline()
            return
        if self._in_head or self._in_body:
            no_lines = self._lines_began or self._body_came
            self._line_bytes = 0 if no_lines else self._line_bytes + len(data)
            self._lines_began = False
            if self._line_bytes > _MAX_HEAD_BYTES:
                self.send_400_response(f"The headers are longer than {_MAX_HEAD_BYTES} bytes.")
        elif self._is_idle() and self._deadline is None and self.timeout_keep_alive_task is None:
            # Empty lines, or the rest of a body that was answered before it was whole: uvicorn has
            # ended its own timer with the first byte.
            self._set_deadline(self._head_timeout_s, self.transport.close)

    def on_message_begin(self) -> None:
        self._in_head = self._lines_began = True
        if self._deadline is None:
            self._set_deadline(self._head_timeout_s, self.transport.close)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body = False, True
        self._lines_began = True
        self._set_deadline(self._body_timeout_s, self._body_is_late)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_came = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        self._clear_deadline()
        super().on_message_complete()

    def _is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _body_is_late(self) -> None:
        if self.flow.read_paused:  # the application reads slowly, not the client
            self._set_deadline(self._body_timeout_s, self._body_is_late)
            return
        if not self.cycle.response_started:
            text = (
                f"The body of the request did not come within {self._body_timeout_s:g} s.".encode()
            )
            self.transport.write(
                b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(text), text)
            )
        self.transport.close()

    def _set_deadline(self, delay_s: float, callback: Callable[[], None]) -> None:
        self._clear_deadline()
        self._deadline = self.loop.call_later(delay_s, callback)

    def _clear_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None
