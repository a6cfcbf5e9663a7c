"""One case with one Collector: started, warmed, sent to, checked."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from collecting.cases import Case
from collecting.pipelines import FLUSH_S, Ports, configuration
from collecting.processes import CollectorProcess, SinkProcess, free_ports
from collecting.result import Result
from payloads.file import Payload
from sending.plan import Plan, Sent
from sending.sender import Sender

Say = Callable[[str], None]

_WARM_ITEMS: Final = 40_000
_POLL_S: Final = 0.02
_STUCK_S: Final = 10.0
"""Without new items for so long, they do not come any more."""


def measure(
    case: Case,
    payload: Payload,
    requests: int,
    collector: tuple[str, list[str]],
    directory: Path,
    say: Say,
) -> Result:
    """Run a case.

    Args:
        case: what is done.
        payload: requests of the case's size, sent over and over.
        requests: how many are sent.
        collector: its name, and the command that runs it with `--config FILE`.
        directory: for its configuration and log.
        say: shows how far it is.
    """
    name, command = collector
    with SinkProcess() as sink:
        ports = Ports(*free_ports(3), sink=sink.port)
        config = configuration(case.pipeline, case.workload.signal, ports, gzip=case.gzip)
        with CollectorProcess(command, config, ports, directory) as process:
            arrived = process.calls if case.pipeline.is_scraped else sink.items
            warm = max(2, _WARM_ITEMS // case.items_per_request)
            say(f"{name}: warming")
            _send(_plan(case, payload, ports, warm), case, say)
            _wait(arrived, warm * case.items_per_request, case)
            cpu_s, began_s = process.cpu_s(), time.monotonic()
            sent = _send(
                _plan(case, payload, ports, requests), case, lambda text: say(f"{name}: {text}")
            )
            items = requests * case.items_per_request
            total = _wait(arrived, (warm + requests) * case.items_per_request, case)
            return Result(
                case=case.name,
                collector=name,
                items=items,
                cpu_s=process.cpu_s() - cpu_s,
                duration_s=time.monotonic() - began_s,
                peak_rss_bytes=process.peak_rss_bytes(),
                retries=sent.retries,
                arrived=total - warm * case.items_per_request,
            )


def _plan(case: Case, payload: Payload, ports: Ports, requests: int) -> Plan:
    return Plan(
        signal=case.workload.signal,
        protocol=case.protocol,
        gzip=case.gzip,
        connections=case.connections,
        host="127.0.0.1",
        port=ports.grpc if case.protocol == "grpc" else ports.http,
        payload=payload,
        first=0,
        count=requests,
        replayed=len(payload.sizes_bytes()),
    )


def _send(plan: Plan, case: Case, say: Say) -> Sent:
    with Sender(plan) as sender:
        sender.go()
        while not sender.is_done(0.2):
            done = sender.acknowledged * case.items_per_request
            say(f"{done:,} of {plan.count * case.items_per_request:,}")
        return sender.sent


def _wait(arrived: Callable[[], int], total: int, case: Case) -> int:
    """How many arrived, once it is all, or none came for long."""
    found, changed_s = 0, time.monotonic()
    while True:
        count = arrived()
        now_s = time.monotonic()
        if count >= total or now_s - changed_s > _STUCK_S:
            return count
        if count > found:
            found, changed_s = count, now_s
        time.sleep(FLUSH_S / 2 if case.pipeline.is_scraped else _POLL_S)
