"""librdkafka's producer, awaited: it is told of deliveries in a thread of its own."""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog

from belvedere.collector.errors import ConfigError, Permanent, Retryable
from belvedere.installation import install_command

log = structlog.get_logger(__name__)
_LIBRDKAFKA: Final = logging.getLogger(f"{__name__}.librdkafka")
_LIBRDKAFKA.setLevel(logging.CRITICAL)  # the rest comes to `Client._tell`, too

_POLL_S: Final = 0.1
_TELL_S: Final = 60.0
"""The same kind of error is logged once in this time."""
_FLUSH_S: Final = 5.0


class TooLarge(Exception):  # noqa: N818 - never leaves the exporter
    """A message is larger than may be."""


class Client:
    """A producer; made in `start`, as it connects at once."""

    def __init__(self, properties: Mapping[str, Any], component_id: str) -> None:
        self._properties, self._id = dict(properties), component_id
        self._producer: Any = None
        self._trouble = ""
        """What librdkafka said last, since a message was delivered."""
        self._told_s: dict[int, float] = {}
        self._never: frozenset[int] = frozenset()
        self._too_large = 0
        self._exception: type[Exception] = Exception
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Make the producer; the brokers need not be there yet.

        Raises:
            ConfigError: librdkafka is not installed, or does not accept a property.
        """
        try:
            import confluent_kafka as kafka  # noqa: PLC0415 - an extra, loaded where it is used
        except ImportError as error:
            raise ConfigError(
                "the exporter kafka needs the package confluent-kafka",
                key=f"exporters::{self._id}",
                hint=install_command("kafka"),
            ) from error
        codes = kafka.KafkaError
        self._exception, self._too_large = kafka.KafkaException, codes.MSG_SIZE_TOO_LARGE
        self._never = frozenset(
            {codes.INVALID_MSG_SIZE, codes.INVALID_MSG, codes.TOPIC_EXCEPTION, codes._INVALID_ARG}  # noqa: SLF001 - its public name
        )
        properties = self._properties | {"error_cb": self._tell}
        try:
            self._producer = kafka.Producer(properties, logger=_LIBRDKAFKA)
        except kafka.KafkaException as error:
            raise ConfigError(
                f"librdkafka does not accept this: {error.args[0].str()}",
                key=f"exporters::{self._id}",
            ) from error
        self._stopping.clear()
        self._thread = threading.Thread(target=self._poll, name=self._id, daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Give up what is not acknowledged, and end the thread."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._producer.purge()
        self._stopping.set()
        await asyncio.to_thread(thread.join)
        self._producer = None

    async def send(
        self, topic: str, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]]
    ) -> None:
        """Returns when the broker has acknowledged the message.

        Raises:
            TooLarge: it is larger than `message.max.bytes`, or than the broker takes.
            Retryable: it was not acknowledged in time, or there are too many messages already.
            Permanent: it never will be.
        """
        if self._producer is None:
            raise Retryable(f"{self._id} is not running")
        loop = asyncio.get_running_loop()
        delivered: asyncio.Future[Any] = loop.create_future()

        def told(error: Any, _message: Any) -> None:
            loop.call_soon_threadsafe(_settle, delivered, error)

        try:
            self._producer.produce(
                topic, value=value, key=key, headers=list(headers), on_delivery=told
            )
        except BufferError as error:
            raise Retryable(f"{topic}: too many messages wait already", after_s=1) from error
        except self._exception as error:
            raise self._failure(topic, error.args[0]) from error
        if (failure := await delivered) is not None:
            raise self._failure(topic, failure)
        self._trouble = ""

    def _failure(self, topic: str, error: Any) -> Exception:
        text = f"{topic}: {error.str()}"
        if error.code() == self._too_large:
            return TooLarge(text)
        if error.code() in self._never:
            return Permanent(text)
        return Retryable(f"{text} ({self._trouble})" if self._trouble else text)

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(_POLL_S)
        self._producer.flush(_FLUSH_S)

    def _tell(self, error: Any) -> None:
        """Called by librdkafka, in any thread, at each of its attempts to connect."""
        self._trouble, now_s = error.str(), time.monotonic()
        if now_s - self._told_s.get(error.code(), -_TELL_S) >= _TELL_S:
            self._told_s[error.code()] = now_s
            log.warning("kafka", component=self._id, error=self._trouble)


def _settle(delivered: "asyncio.Future[Any]", error: Any) -> None:
    if not delivered.done():
        delivered.set_result(error)
