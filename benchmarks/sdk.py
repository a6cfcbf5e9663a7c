"""`make bench-sdk`: what telemetry costs an application, beside the stock OpenTelemetry SDK.

Each measurement runs in a process of its own, the kinds in turn, against a sink in a third
process that counts what arrives. The median of the rounds is shown; of the caller's CPU time the
least.

- span: one span with five attributes after another, as fast as it goes. Caller: the CPU time of
  the thread that makes them. Wall: the time that passes, which the exporting thread shares.
- load: a function of 9 us, back to back; at so many calls a second a span with five attributes
  surrounds it. Loss: how many calls fewer the process makes in a second of its CPU time than
  without telemetry. Export: the CPU time of all other threads, per span. Dropped: what the sink
  never saw.
- chat: one span of a model call after another, with 4 KiB of messages that an instrumentor wrote:
  what it costs to remove them (content off) or to look for secrets in them (content on).
- log: one line of `logging` with one attribute after another, also written to /dev/null.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KINDS = ("stock-http", "belvedere-http", "stock-grpc", "belvedere-grpc")
RATES = (1_000, 5_000, 10_000)
ATTRIBUTES: dict[str, Any] = {
    "http.request.method": "POST",
    "http.route": "/v1/agents/{id}/chat",
    "http.response.status_code": 200,
    "gen_ai.request.model": "gpt-4o-mini",
}


CHATS = ("stock-http", "belvedere-http", "belvedere-http-content")
MOST_CHATS = 5_000
"""In one measurement: fewer than a queue holds, so that each is exported."""
CHAT_ATTRIBUTES: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.usage.input_tokens": 812,
    "gen_ai.usage.output_tokens": 64,
    "server.address": "api.openai.com",
}


WORK = int(os.environ.get("BENCH_SDK_WORK", "300"))


def work() -> int:
    """The function of 9 us that the load calls; `calibrate` sets how often it goes around."""
    total = 0
    for number in range(WORK):
        total += number * number
    return total


def calibrate() -> None:
    """Make `work` last 9 us on this machine, in the processes that are started from now on."""
    each_s = min(timeit.repeat(work, number=1000, repeat=20)) / 1000
    os.environ["BENCH_SDK_WORK"] = str(round(WORK * 9e-6 / each_s))


# What the application sets up.


def stock(protocol: str, endpoint: str, *, logs: bool) -> tuple[Any, Callable[[], None]]:
    import logging
    import warnings

    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if protocol == "http":
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        spans = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
        records = OTLPLogExporter(endpoint=f"{endpoint}/v1/logs")
    else:
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        spans = OTLPSpanExporter(endpoint=endpoint)
        records = OTLPLogExporter(endpoint=endpoint)
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(spans))
    loggers = LoggerProvider(shutdown_on_exit=False)
    loggers.add_log_record_processor(BatchLogRecordProcessor(records))
    if logs:
        console = logging.StreamHandler()
        console.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecated, and what there is
            handlers = [console, LoggingHandler(logger_provider=loggers)]
        logging.basicConfig(level=logging.INFO, handlers=handlers)

    def end() -> None:
        tracers.shutdown()
        loggers.shutdown()

    return tracers.get_tracer("bench"), end


def belvedere(
    protocol: str, endpoint: str, *, logs: bool, content: bool
) -> tuple[Any, Callable[[], None]]:
    import belvedere

    telemetry = belvedere.init(
        "bench",
        endpoint=endpoint,
        protocol=protocol,  # type: ignore[arg-type] # one of the two
        environment="production",
        sampling_ratio=1.0,
        metrics="none",
        logs=logs,
        instrument=None,
        capture_content=content,
    )
    return telemetry.tracer_provider.get_tracer("bench"), lambda: telemetry.shutdown(30) and None


# What is measured, in a process of its own.


def measure(what: str, kind: str, seconds: float, rate: int) -> dict[str, float]:
    who, protocol, content = [*kind.split("-"), "", ""][:3]
    tracer, end = None, lambda: None
    with sink(protocol or "http") as (endpoint, count):
        if who == "stock":
            tracer, end = stock(protocol, endpoint, logs=what == "log")
        elif who == "belvedere":
            logs = what == "log"
            tracer, end = belvedere(protocol, endpoint, logs=logs, content=bool(content))
        measured = {"span": spans, "chat": chats, "log": lines, "load": load}[what]
        found = measured(tracer, seconds, rate)
        cpu_end = time.process_time()
        end()
        made = found.pop("made")
        found["dropped"] = made - count() if tracer else 0
        export_s = found.pop("others_s") + time.process_time() - cpu_end
        found["export_us"] = export_s / made * 1e6 if made else 0.0
        return found


class Clock:
    """Wall time, the CPU time of this thread, and that of the others, until `stop`."""

    def __init__(self) -> None:
        self._start = time.perf_counter(), time.thread_time(), time.process_time()

    def stop(self) -> None:
        wall, mine, all_ = self._start
        self.wall_s = time.perf_counter() - wall
        self.mine_s = time.thread_time() - mine
        self.others_s = time.process_time() - all_ - self.mine_s


def spans(tracer: Any, seconds: float, _: int) -> dict[str, float]:
    made = 0
    until = time.perf_counter() + seconds
    clock = Clock()
    while time.perf_counter() < until:
        for _ in range(100):
            user = f"user-{made % 1000}"
            with tracer.start_as_current_span("call", attributes={**ATTRIBUTES, "user": user}):
                pass
            made += 1
    clock.stop()
    return {
        "made": made,
        "others_s": clock.others_s,
        "caller_us": clock.mine_s / made * 1e6,
        "wall_us": clock.wall_s / made * 1e6,
    }


def chats(tracer: Any, seconds: float, _: int) -> dict[str, float]:
    words = "The weather in Riga is sunny, with a light wind of 4 m/s from the south-west. ".split()
    made = 0
    until = time.perf_counter() + seconds
    clock = Clock()
    while time.perf_counter() < until and made < MOST_CHATS:
        for _ in range(100):
            said = [
                {"role": role, "parts": [{"type": "text", "content": " ".join(words * 23)}]}
                for role in ("system", f"user {made}")
            ]
            attributes = {**CHAT_ATTRIBUTES, "gen_ai.input.messages": json.dumps(said)}
            with tracer.start_as_current_span("chat gpt-4o-mini", attributes=attributes):
                pass
            made += 1
    clock.stop()
    return {
        "made": made,
        "others_s": clock.others_s,
        "caller_us": clock.mine_s / made * 1e6,
        "wall_us": clock.wall_s / made * 1e6,
    }


def lines(_: Any, seconds: float, __: int) -> dict[str, float]:
    import logging

    logger = logging.getLogger("bench")
    made = 0
    until = time.perf_counter() + seconds
    clock = Clock()
    while time.perf_counter() < until:
        for _ in range(100):
            logger.info("agent %s answered", made, extra={"agent": "planner"})
            made += 1
    clock.stop()
    return {
        "made": made,
        "others_s": clock.others_s,
        "caller_us": clock.mine_s / made * 1e6,
        "wall_us": clock.wall_s / made * 1e6,
    }


def load(tracer: Any, seconds: float, rate: int) -> dict[str, float]:
    calls = made = 0
    pause = 1 / rate if tracer else float("inf")
    now = start = time.perf_counter()
    due = start + (0 if tracer else pause)
    clock = Clock()
    while now < start + seconds:
        if now >= due:
            due = max(due + pause, now - 0.05)  # what it cannot keep up with is not made up for
            user = f"user-{made % 1000}"
            with tracer.start_as_current_span("call", attributes={**ATTRIBUTES, "user": user}):
                work()
            made += 1
        else:
            work()
        calls += 1
        now = time.perf_counter()
    clock.stop()
    return {
        "made": made,
        "others_s": clock.others_s,
        "calls_per_s": calls / (clock.mine_s + clock.others_s),
        "spans_per_s": made / clock.wall_s,
    }


# The sink: takes everything, and counts.


@contextmanager
def sink(protocol: str) -> Iterator[tuple[str, Callable[[], int]]]:
    process = subprocess.Popen(
        [sys.executable, __file__, "--sink", protocol],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    tell, answer = process.stdin, process.stdout
    if tell is None or answer is None:
        raise RuntimeError("no pipes")
    port = int(answer.readline())

    def count() -> int:
        print(file=tell, flush=True)
        return int(answer.readline())

    try:
        yield f"http://127.0.0.1:{port}", count
    finally:
        process.kill()
        process.wait()


def run_sink(protocol: str) -> None:
    import threading

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    bodies: list[tuple[bool, bytes]] = []

    if protocol == "http":
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                bodies.append((self.path.endswith("logs"), body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
    else:
        from concurrent.futures import ThreadPoolExecutor

        import grpc

        class Take(grpc.GenericRpcHandler):
            def service(self, call: Any) -> Any:
                logs = "LogsService" in call.method
                return grpc.unary_unary_rpc_method_handler(
                    lambda body, _: bodies.append((logs, body)) or b""
                )

        taking = grpc.server(ThreadPoolExecutor(4), handlers=[Take()])
        port = taking.add_insecure_port("127.0.0.1:0")
        taking.start()
    print(port, flush=True)
    sys.stdin.readline()
    count = 0
    for logs, body in bodies:
        if logs:
            for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
                count += sum(len(scope.log_records) for scope in resource.scope_logs)
        else:
            for resource_ in ExportTraceServiceRequest.FromString(body).resource_spans:
                count += sum(len(scope.spans) for scope in resource_.scope_spans)
    print(count, flush=True)
    sys.stdin.readline()


# The rounds, and what is printed.


def in_a_process(what: str, kind: str, seconds: float, rate: int = 0) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--measure", what, kind, str(seconds), str(rate)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("OTEL_")},
    )
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return] # we wrote it


def combine(results: list[dict[str, float]]) -> dict[str, float]:
    """The medians, and the least CPU time of the caller: what disturbs it only adds to it."""
    medians = {key: statistics.median(each[key] for each in results) for key in results[0]}
    if "caller_us" in medians:
        medians["caller_us"] = min(each["caller_us"] for each in results)
    return medians


def rounds(kinds: tuple[str, ...], count: int, what: str, seconds: float, rate: int = 0) -> Any:
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(count):
        for kind in kinds:
            found[kind].append(in_a_process(what, kind, seconds, rate))
    return {kind: combine(results) for kind, results in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--json", type=Path, help="write all results to this file")
    parser.add_argument("--sink", help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sink:
        run_sink(options.sink)
        return
    if options.measure:
        what, kind, seconds, rate = options.measure
        print(json.dumps(measure(what, kind, float(seconds), int(rate))))
        return

    calibrate()
    results: dict[str, Any] = {}
    for what, kinds in (("span", KINDS), ("chat", CHATS), ("log", KINDS)):
        results[what] = found = rounds(kinds, options.rounds, what, options.seconds)
        print(f"\none {what:<4} after another         caller      wall    export   dropped")
        for kind, each in found.items():
            print(
                f"  {kind:<24} {each['caller_us']:>8.1f} us {each['wall_us']:>6.1f} us"
                f" {each['export_us']:>6.1f} us {each['dropped']:>9,.0f}"
            )
    for rate in RATES:
        results[f"load-{rate}"] = found = rounds(
            ("none", *KINDS), options.rounds, "load", options.seconds, rate
        )
        alone = found.pop("none")["calls_per_s"]
        print(
            f"\n{rate:,} spans/s ({1e6 / alone:.1f} us a call)    loss   made/s    export   dropped"
        )
        for kind, each in found.items():
            loss = 1 - each["calls_per_s"] / alone
            print(
                f"  {kind:<20} {loss:>14.1%} {each['spans_per_s']:>8,.0f}"
                f" {each['export_us']:>6.1f} us {each['dropped']:>9,.0f}"
            )
    judge(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def judge(results: Mapping[str, Any]) -> None:
    """Say which targets are met. A missed one is no failure: other machines, other numbers."""
    print()
    for protocol in ("http", "grpc"):
        span, line = (
            tuple(results[what][f"{who}-{protocol}"]["caller_us"] for who in ("belvedere", "stock"))
            for what in ("span", "log")
        )
        fast = results["load-10000"][f"belvedere-{protocol}"]
        slow = results["load-10000"][f"stock-{protocol}"]
        for target, met in (
            ("a span costs the caller no more than stock's", span[0] <= span[1]),
            ("a log line costs the caller no more than stock's", line[0] <= line[1]),
            ("nothing is dropped at 10,000 spans/s", fast["dropped"] == 0),
            ("half of stock's export CPU", fast["export_us"] <= slow["export_us"] / 2),
        ):
            print(f"{'met   ' if met else 'missed'} {protocol}: {target}")


if __name__ == "__main__":
    main()
