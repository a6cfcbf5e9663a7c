"""OTLP over gRPC: requests go as the bytes they are."""

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from weakref import WeakSet

from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from belvedere.sdk.export.destination import Destination, Signal
from belvedere.sdk.export.http import delivered
from belvedere.sdk.export.outcome import Outcome, Refused, Retry

if "grpc" not in sys.modules and not {"gunicorn", "celery", "uwsgi"}.isdisjoint(sys.modules):
    # gRPC's threads do not survive a fork, and a child that calls it crashes or hangs, unless
    # this is set when gRPC is first imported. Its handlers may hang or abort a child themselves,
    # if it is forked while any thread calls gRPC, also one that would only start another program
    # (uvloop's do). So it is set where workers are forked, and nowhere else.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "1")
import grpc

if TYPE_CHECKING:
    from collections.abc import Iterable

_METHODS: Final[dict[Signal, str]] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
# https://opentelemetry.io/docs/specs/otlp/#failures; RESOURCE_EXHAUSTED only with a RetryInfo
_RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_OPTIONS: Final = (
    ("grpc.primary_user_agent", "belvedere-sdk"),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)
_INTERRUPTED_S: Final = 5.0
"""How long a fork waits, at the most, for a call that it has ended."""
_LOOK_S: Final = 0.01
_TEARDOWN_S: Final = 0.05
"""How long gRPC's threads have to take closed channels apart before the fork. Nothing says when
they are done, and a child that is forked meanwhile may inherit a lock that nobody releases: 3 of 24
hung on a busy machine without the pause, 0 of 30 with it."""
_AUTH_HINT: Final = "check the token in headers= or OTEL_EXPORTER_OTLP_HEADERS"


class GrpcSender:
    """A `Sender` of OTLP/gRPC. It opens its channel with the first request.

    Where gRPC supports forks, a fork closes the channel before it; a request that is interrupted
    by that is sent again, through another one.
    """

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._metadata = tuple(destination.headers.items())
        self._channel: grpc.Channel | None = None
        self._export: Any = None
        self._was_opened = self._is_crippled = False
        self._calling = threading.Lock()
        self._is_forking = self._is_held = False
        _senders.add(self)

    def send(self, request: bytes, timeout_s: float) -> Outcome:
        until_s = time.monotonic() + timeout_s
        while (left_s := until_s - time.monotonic()) > 0:
            with self._calling:
                outcome = self._send(request, left_s)
                if not self._is_forking or not isinstance(outcome, Retry | Refused):
                    return outcome
        return Retry("the process was forked again and again")

    def _send(self, request: bytes, timeout_s: float) -> Outcome:
        if self._is_crippled:
            return Refused(
                "gRPC was used before this process was forked and cannot be used in it; use"
                " protocol='http', or set GRPC_ENABLE_FORK_SUPPORT=1 in the environment"
            )
        try:
            export = self._export or self._open()
            return delivered(export(request, timeout=timeout_s, metadata=self._metadata))
        except grpc.RpcError as error:
            return _outcome(error)
        except (OSError, ValueError) as error:  # files of certificates, headers that are not
            return Refused(str(error))

    def close(self) -> None:
        channel, self._channel, self._export = self._channel, None, None
        if channel is not None:
            channel.close()

    def before_fork(self) -> bool:
        """Interrupt the request that is under way, let nobody begin one, and close the channel.

        Returns:
            Whether there was one.
        """
        was_open = self._channel is not None
        self._is_forking = True
        until_s = time.monotonic() + _INTERRUPTED_S
        while not self._is_held and time.monotonic() < until_s:
            self.close()
            self._is_held = self._calling.acquire(timeout=_LOOK_S)
        self.close()
        return was_open

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._is_forking = False
        if self._is_held:
            self._is_held = False
            self._calling.release()

    def after_fork_in_child(self) -> None:
        """Begin anew. Nothing of gRPC's: the child may be about to become another program."""
        self._calling, self._is_forking, self._is_held = threading.Lock(), False, False
        self._is_crippled = self._was_opened and not _forks()
        if self._is_crippled:
            _kept.append((self._channel, self._export))
        self._channel = self._export = None

    def _open(self) -> Any:
        to, self._was_opened = self._destination, True
        address = urlsplit(to.endpoint).netloc
        compression = grpc.Compression.Gzip if to.compression == "gzip" else None
        if to.secure:
            credentials = grpc.ssl_channel_credentials(
                root_certificates=_read(to.certificate),
                private_key=_read(to.client_key),
                certificate_chain=_read(to.client_certificate),
            )
            self._channel = grpc.secure_channel(address, credentials, _OPTIONS, compression)
        else:
            self._channel = grpc.insecure_channel(address, _OPTIONS, compression)
        self._export = self._channel.unary_unary(_METHODS[to.signal])
        return self._export


def _forks() -> bool:
    return os.environ.get("GRPC_ENABLE_FORK_SUPPORT", "").lower() in {"1", "true", "yes", "on"}


def _read(path: str) -> bytes | None:
    if not path:
        return None
    with open(path, "rb") as file:  # noqa: PTH123 - a name from a variable, read as it stands
        return file.read()


def _outcome(error: Any) -> Outcome:  # grpc's calls have no common type with `code`
    code, details = error.code(), error.details() or ""
    reason = f"{code.name}: {details}" if details else code.name
    after_s = _retry_info_s(error.trailing_metadata() or ())
    if code in _RETRYABLE or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and after_s is not None):
        return Retry(reason, after_s)
    if code in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}:
        reason = f"{reason}: {_AUTH_HINT}"
    return Refused(reason)


def _retry_info_s(metadata: "Iterable[tuple[str, str | bytes]]") -> float | None:
    for key, value in metadata:
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            info = RetryInfo()
            try:
                for detail in Status.FromString(value).details:
                    if detail.Unpack(info):
                        return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
            except DecodeError:
                return None
    return None


_senders: Final["WeakSet[GrpcSender]"] = WeakSet()
_kept: Final[list[Any]] = []
"""In a child, its parent's channels: to let go of one would call gRPC."""


def _all(hook: Callable[[GrpcSender], None]) -> Callable[[], None]:
    def call() -> None:
        for sender in list(_senders):
            hook(sender)

    return call


def _before_fork() -> None:
    if not _forks():
        return  # nothing happens in the child either
    were_open = [sender.before_fork() for sender in list(_senders)]
    if any(were_open):
        time.sleep(_TEARDOWN_S)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_all(GrpcSender.after_fork_in_parent),
        after_in_child=_all(GrpcSender.after_fork_in_child),
    )
