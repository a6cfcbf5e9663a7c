"""A gRPC connection that sends serialized requests."""

from typing import Final

import grpc
import grpc.aio
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from belvedere.otlp.signal import Signal
from sending.plan import Plan
from sending.refused import Refused

_METHODS: Final = {
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_RETRYABLE: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


class GrpcConnection:
    """One channel with one connection of its own.

    Requests in gzip were compressed before the run, as the client library would do it. So their
    frames do not carry its mark; Belvedere's door knows gzip by its first bytes.
    """

    def __init__(self, plan: Plan) -> None:
        self._channel = grpc.aio.insecure_channel(
            f"{plan.host}:{plan.port}",
            options=[("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)],
        )
        self._export = self._channel.unary_unary(_METHODS[plan.signal])  # bytes in, bytes out
        self._timeout_s = plan.timeout_s

    async def open(self) -> None:
        """Connect."""
        await self._channel.channel_ready()

    async def send(self, request: bytes) -> bytes:
        """Send one request; returns the serialized answer.

        Raises:
            Refused: to be sent again later.
        """
        try:
            answer: bytes = await self._export(request, timeout=self._timeout_s)
        except grpc.aio.AioRpcError as error:
            if error.code() in _RETRYABLE:
                raise Refused(_retry_after_s(error)) from None
            raise
        return answer

    async def close(self) -> None:
        """Disconnect."""
        await self._channel.close()


def _retry_after_s(error: grpc.aio.AioRpcError) -> float | None:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in Status.FromString(value).details:
                info = RetryInfo()
                if detail.Unpack(info):
                    return info.retry_delay.seconds + info.retry_delay.nanos / 1e9
    return None
