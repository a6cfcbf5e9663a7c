"""A receiver `otlp` that runs, clients to send to it, and small requests to send."""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any, Self

import grpc
import httpx
import uvloop
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from belvedere.collector.component import Component, Host
from belvedere.collector.receivers.otlp import OtlpReceiver
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

TIMEOUT_S = 30
TRACE_ID = bytes(range(16))
SPAN_ID = bytes(range(1, 9))

METHODS = {
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


def traces(*names: str, **span: Any) -> ExportTraceServiceRequest:
    """A span for each name."""
    common = {"trace_id": TRACE_ID, "span_id": SPAN_ID, **span}
    spans = [{**common, "name": name} for name in names or ("span",)]
    return ExportTraceServiceRequest(resource_spans=[{"scope_spans": [{"spans": spans}]}])


REQUESTS = {
    Signal.TRACES: traces("span"),
    Signal.METRICS: ExportMetricsServiceRequest(
        resource_metrics=[
            {
                "scope_metrics": [
                    {"metrics": [{"name": "m", "gauge": {"data_points": [{"as_int": 5}]}}]}
                ]
            }
        ]
    ),
    Signal.LOGS: ExportLogsServiceRequest(
        resource_logs=[{"scope_logs": [{"log_records": [{"body": {"string_value": "line"}}]}]}]
    ),
}
"""One item each."""


class Doors:
    """A receiver in an event loop of its own thread; it is the consumer behind it, too."""

    def __init__(
        self,
        grpc: Mapping[str, Any] | None = None,
        http: Mapping[str, Any] | None = None,
        *,
        extensions: Mapping[str, Component] | None = None,
        signals: frozenset[Signal] = frozenset(Signal),
        **config: Any,
    ) -> None:
        """Open both doors on free ports, with these keys beside."""
        self.batches: list[Batch] = []
        self.error: Exception | None = None
        """What `consume` raises instead of taking the batch."""
        self.may_consume = asyncio.Event()
        self.may_consume.set()
        """`consume` waits for it."""
        self.arrived = threading.Event()
        """Set when `consume` was called."""
        protocols = {
            "grpc": {"endpoint": "127.0.0.1:0", **(grpc or {})},
            "http": {"endpoint": "127.0.0.1:0", **(http or {})},
        }
        self.receiver = OtlpReceiver(
            OtlpReceiver.Config.model_validate({"protocols": protocols, **config}),
            Host("otlp", extensions=extensions or {}),
            dict.fromkeys(signals, self),
        )
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._channels: list[grpc.Channel] = []
        try:
            self.run(self.receiver.start())
        except BaseException:
            self.close()
            raise
        self.grpc_port, self.http_port = self.receiver.grpc_port, self.receiver.http_port
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.http_port}", timeout=TIMEOUT_S)

    def run(self, coroutine: Any) -> Any:
        """The result of a coroutine in the receiver's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(TIMEOUT_S)

    def hold(self) -> None:
        """Let `consume` wait until `release`."""
        self._loop.call_soon_threadsafe(self.may_consume.clear)

    def release(self) -> None:
        self._loop.call_soon_threadsafe(self.may_consume.set)

    async def consume(self, batch: Batch) -> None:
        self.arrived.set()
        await self.may_consume.wait()
        if self.error is not None:
            raise self.error
        self.batches.append(batch)

    def post(
        self,
        content: bytes | Any,
        headers: Mapping[str, str] = PROTOBUF,
        signal: Signal = Signal.TRACES,
    ) -> httpx.Response:
        """Send over HTTP."""
        return self.client.post(f"/v1/{signal}", content=content, headers=dict(headers))

    def channel(self) -> grpc.Channel:
        """A connection of its own."""
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_send_message_length", -1),
        ]
        self._channels.append(grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}", options=options))
        return self._channels[-1]

    def export(self, message: bytes, signal: Signal = Signal.TRACES, **call: Any) -> bytes:
        """Send over gRPC."""
        channel = self._channels[0] if self._channels else self.channel()
        answer: bytes = channel.unary_unary(METHODS[signal])(message, timeout=TIMEOUT_S, **call)
        return answer

    def close(self) -> None:
        """Stop everything. Safe when repeated."""
        if self._loop.is_closed():
            return
        for channel in self._channels:
            channel.close()
        if hasattr(self, "client"):
            self.client.close()
        self.release()
        self.run(self.receiver.shutdown())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_S)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
