"""What both doors do with a request: decode it, hand it on, count it, and name what went wrong."""

from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter, thread_time
from typing import Final

import structlog

from belvedere import internal_telemetry as telemetry
from belvedere.collector.component import Consumer
from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.receivers.otlp.access import Headers
from belvedere.otlp.answer import success
from belvedere.otlp.batch import Batch
from belvedere.otlp.compression import decompress
from belvedere.otlp.decode import Decoded, decode, decode_body
from belvedere.otlp.decode_pool import DecodePool, Share, shared_pool
from belvedere.otlp.encoding import Encoding
from belvedere.otlp.errors import Internal, NotAccepted, OtlpError, TooLarge, Unavailable
from belvedere.otlp.signal import Signal
from belvedere.otlp.status import grpc_answer
from belvedere.otlp.validate import TooManyRecordsError

log = structlog.get_logger(__name__)

_INLINE_BYTES: Final = {Encoding.PROTOBUF: 512 << 10, Encoding.JSON: 32 << 10}
"""Decompressed, up to this size, decoding takes some milliseconds, and another process costs more.

Whatever is in it, the event loop is not held for more than 50 ms.
"""
_INLINE_RECORDS: Final = 8192
"""Of small requests, those with more resources, scopes and records take longer."""
_INLINE_COMPRESSED_BYTES: Final = 64 << 10
"""Larger compressed bodies become, usually, too large."""
_JSON_SHARE: Final = 4
"""JSON gets this part of the limit: on its way to a message it takes much more memory."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request with its body read and its client known."""

    body: bytes
    coding: str
    """Content-Encoding of the body; "" is none."""
    encoding: Encoding
    project: str
    metadata: Headers
    connection: str = ""
    """Address and port of the client."""


class Intake:
    """The way of one signal from one door into its pipeline."""

    def __init__(
        self,
        signal: Signal,
        consumer: Consumer,
        *,
        receiver: str,
        transport: str,
        limit_bytes: int,
        canonical: bool = True,
        pool: DecodePool | None = None,
    ) -> None:
        """A way.

        Args:
            signal: of all requests.
            consumer: takes the batches.
            receiver: id of the receiver, for the counters.
            transport: `grpc` or `http`, for the counters.
            limit_bytes: of a request after decompression.
            canonical: whether the bytes of batches are to be canonical; see `decode`.
            pool: decodes large requests; None: that of the process.
        """
        self.signal = signal
        self._consumer = consumer
        self._limit_bytes = limit_bytes
        self._pool = pool or shared_pool()
        self._canonical = canonical
        names = (receiver, transport)
        self._accepted = telemetry.RECEIVER_ACCEPTED[signal].labels(*names)
        self._refused = telemetry.RECEIVER_REFUSED[signal].labels(*names)
        self._rejected = telemetry.RECEIVER_REJECTED[signal].labels(*names)
        self._bytes = telemetry.RECEIVER_BYTES.labels(*names, signal)
        self._duration = telemetry.RECEIVER_DURATION.labels(*names, signal)
        self._ok = telemetry.RECEIVER_REQUESTS.labels(*names, signal, "ok")
        self._names = names

    async def take(self, request: Request) -> bytes:
        """Hand on what is valid in a request; returns the serialized answer.

        Raises:
            OtlpError: the request is not accepted. Tell `failure`.
        """
        started = perf_counter()
        try:
            decoded = await self._decoded(request)
            batch = decoded.batch
            if batch.items:
                await self._hand_on(batch)
                self._accepted.inc(batch.items)
                self._bytes.inc(len(batch.data))
            if decoded.rejected:
                self._rejected.inc(decoded.rejected)
            self._ok.inc()
            return success(
                self.signal, request.encoding, rejected=decoded.rejected, message=decoded.message
            )
        finally:
            self._duration.observe(perf_counter() - started)

    def failure(self, error: Exception) -> OtlpError:
        """What to tell the client of an error. Counts it; what nobody foresaw is logged, here."""
        if not isinstance(error, OtlpError):
            log.error("request_failed", signal=self.signal, exc_info=error)
            error = Internal("internal error; the log of the server has the details")
        outcome = grpc_answer(error).code.name
        telemetry.RECEIVER_REQUESTS.labels(*self._names, self.signal, outcome).inc()
        return error

    async def _decoded(self, request: Request) -> Decoded:
        started = thread_time()
        try:
            decoded = self._decoded_inline(request)
        finally:
            self._pool.decoded_inline(request.project, thread_time() - started)
        return decoded or await self._decoded_by_pool(request)

    def _decoded_inline(self, request: Request) -> Decoded | None:
        """The decoded request; None if that would hold the event loop for too long."""
        content = self._small_content(request)
        if content is None:
            return None
        try:
            return decode(
                self.signal,
                content,
                request.encoding,
                project=request.project,
                metadata=request.metadata,
                canonical=self._canonical,
                most_records=_INLINE_RECORDS,
            )
        except TooManyRecordsError:
            return None

    def _small_content(self, request: Request) -> bytes | None:
        """The decompressed body, if it is small enough to be decoded on the event loop."""
        limit_bytes = min(
            self._limit_bytes_of(request.encoding),
            self._pool.inline_bytes(request.project, _INLINE_BYTES[request.encoding]),
        )
        if request.coding in ("", "identity"):
            return request.body if len(request.body) <= limit_bytes else None
        if len(request.body) > _INLINE_COMPRESSED_BYTES:
            return None
        try:
            return decompress(request.body, request.coding, limit_bytes=limit_bytes)
        except TooLarge:
            return None

    async def _decoded_by_pool(self, request: Request) -> Decoded:
        decoded = await self._pool.run(
            Share(request.project, request.connection),
            len(request.body),
            partial(
                decode_body,
                limit_bytes=self._limit_bytes_of(request.encoding),
                canonical=self._canonical,
            ),
            self.signal,
            request.body,
            request.coding,
            request.encoding,
        )
        batch = replace(decoded.batch, project=request.project, metadata=request.metadata)
        return replace(decoded, batch=batch)

    def _limit_bytes_of(self, encoding: Encoding) -> int:
        is_json = encoding is Encoding.JSON
        return self._limit_bytes // _JSON_SHARE if is_json else self._limit_bytes

    async def _hand_on(self, batch: Batch) -> None:
        items = batch.items
        try:
            await self._consumer.consume(batch)
        except Retryable as error:
            self._refused.inc(items)
            raise Unavailable(str(error), after_s=error.after_s) from None
        except Permanent as error:
            self._refused.inc(items)
            raise NotAccepted(str(error)) from None
        except Exception:
            self._refused.inc(items)
            raise
