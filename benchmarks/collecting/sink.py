"""The sink's process: an OTLP/gRPC server that takes everything, and counts.

`python sink.py` says on which port it listens; to each line on its standard input it answers with
what came so far, as JSON; it runs until its standard input ends.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from collecting.counting import count_items

_SERVICES: Final = (
    "opentelemetry.proto.collector.trace.v1.TraceService",
    "opentelemetry.proto.collector.logs.v1.LogsService",
)


class Sink:
    """The counts."""

    def __init__(self) -> None:
        self.items = self.requests = self.size_bytes = 0

    async def take(self, request: bytes, _: Any) -> bytes:
        self.items += count_items(request)
        self.requests += 1
        self.size_bytes += len(request)
        return b""


async def _main() -> None:
    sink = Sink()
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(
                service, {"Export": grpc.unary_unary_rpc_method_handler(sink.take)}
            )
            for service in _SERVICES
        ]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(vars(sink)), flush=True)
    await server.stop(0)


if __name__ == "__main__":
    uvloop.run(_main())
