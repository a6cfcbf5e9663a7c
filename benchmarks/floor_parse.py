"""The floor of receiving: a gRPC server that parses requests with the official messages, no more.

`python floor_parse.py` says on which port it listens, and runs until its standard input ends.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import grpc.aio
import uvloop

from belvedere.otlp.signal import Signal

_SERVICES: Final = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
}


def _handler(signal: Signal) -> Callable[[bytes, Any], Awaitable[bytes]]:
    parse = signal.request_type.FromString

    async def export(message: bytes, _: Any) -> bytes:
        parse(message)
        return b""

    return export


async def _main() -> None:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 << 20)])
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(
                service, {"Export": grpc.unary_unary_rpc_method_handler(_handler(signal))}
            )
            for signal, service in _SERVICES.items()
        ]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(0)


if __name__ == "__main__":
    uvloop.run(_main())
