"""What both doors do with a request: decode it, hand it on, count it, and name what went wrong."""

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import structlog

from belvedere import internal_telemetry as telemetry
from belvedere.collector.component import Consumer
from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.receivers.otlp.access import Headers
from belvedere.collector.receivers.otlp.allowance import Allowance, Lease
from belvedere.otlp.answer import success
from belvedere.otlp.batch import Batch
from belvedere.otlp.compression import decompress
from belvedere.otlp.decode import Decoded, decode
from belvedere.otlp.encoding import Encoding
from belvedere.otlp.errors import Internal, NotAccepted, OtlpError, Unavailable
from belvedere.otlp.signal import Signal
from belvedere.otlp.status import grpc_answer

log = structlog.get_logger(__name__)

_INLINE_BYTES: Final = 512 << 10
"""Up to this size, decoding takes some milliseconds, and another thread would only cost more."""
_INLINE_COMPRESSED_BYTES: Final = 64 << 10
"""The same for bodies that become, usually, some eight times as long."""
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
        large: Executor,
        parsed: Allowance | None = None,
        canonical: bool = True,
    ) -> None:
        """A way.

        Args:
            signal: of all requests.
            consumer: takes the batches.
            receiver: id of the receiver, for the counters.
            transport: `grpc` or `http`, for the counters.
            limit_bytes: of a request after decompression.
            large: decodes large requests, so that the event loop goes on meanwhile. One thread,
                so that there is one at a time: parsed, they need several times their size.
            parsed: for requests that go on parsed; beyond it, large ones go on as bytes alone;
                None: all large ones do.
            canonical: whether the bytes of batches are to be canonical; see `decode`.
        """
        self.signal = signal
        self._consumer = consumer
        self._limit_bytes = limit_bytes
        self._large, self._parsed = large, parsed or Allowance(0)
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
            with self._parsed.lease() as lease:
                decoded = await self._decoded(request, lease)
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

    async def _decoded(self, request: Request, lease: Lease) -> Decoded:
        if len(request.body) <= _inline_bytes(request.coding):
            return self._decode(request, lease)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._large, self._decode, request, lease)

    def _decode(self, request: Request, lease: Lease) -> Decoded:
        limit_bytes = self._limit_bytes
        if request.encoding is Encoding.JSON:
            limit_bytes //= _JSON_SHARE
        body = decompress(request.body, request.coding, limit_bytes=limit_bytes)
        decoded = decode(
            self.signal,
            body,
            request.encoding,
            project=request.project,
            metadata=request.metadata,
            canonical=self._canonical,
        )
        if not lease.take(len(decoded.batch.data)):
            decoded.batch.forget_large()
        return decoded

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


def _inline_bytes(coding: str) -> int:
    return _INLINE_BYTES if coding in ("", "identity") else _INLINE_COMPRESSED_BYTES
