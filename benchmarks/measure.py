"""The measurement of one case."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import psutil

from cases import Case
from delay import measure_delay
from payloads.file import Payload
from result import Result
from run import Say, check_arrived, json_of, plan_of, send, wait_queryable
from sending.sender import Sender
from server import BelvedereServer
from threads import ThreadTimes

_MERGES_S: Final = 60.0


def measure(
    chosen: Case,
    payload: Payload,
    requests: int,
    paced_requests: int,
    command: Sequence[str],
    data_dir: Path,
    say: Say,
) -> Result:
    """Send `requests` as fast as possible, then some paced ones, and check what arrived."""
    workload = chosen.workload
    with BelvedereServer(data_dir, command) as server:
        plan = plan_of(chosen, payload, server.host, server.ports[chosen.protocol], requests)
        server.count(workload.table)  # the first query takes longer than all others
        with Sender(plan) as sender, ThreadTimes(server.process.pid) as threads:
            cpu_before_s, others_before_s = server.cpu_s(), _others_cpu_s(server)
            sent = send(sender, workload, plan, say)
            total = requests * workload.records_per_request
            queryable_s = wait_queryable(server, workload, total)
            cpu_queryable_s = server.cpu_s() - cpu_before_s
            others_s = _others_cpu_s(server) - others_before_s - sent.cpu_s
            say("merging")
            merged = server.wait_merged(_MERGES_S)
            cpu_s = server.cpu_s() - cpu_before_s
        result = Result(
            case=chosen.name,
            records=total,
            request_bytes=sum(payload.sizes_bytes()[:requests]) // requests,
            acknowledged_per_s=total / sent.duration_s,
            queryable_per_s=total / (queryable_s - min(sent.sent_s)),
            latency_p50_ms=float(np.percentile(sent.latencies_ms(), 50)),
            latency_p99_ms=float(np.percentile(sent.latencies_ms(), 99)),
            retries=sent.retries,
            cpu_s_per_million=cpu_s / total * 1e6,
            cpu_s_per_million_until_queryable=cpu_queryable_s / total * 1e6,
            sender_cpu_s_per_million=sent.cpu_s / total * 1e6,
            peak_rss_bytes=server.peak_rss_bytes(),
            rss_after_bytes=server.rss_bytes(),
            merged=merged,
            others_cores=others_s / (queryable_s - min(sent.sent_s)),
            threads_cpu_s=threads.by_name(),
            check=check_arrived(server, workload, plan, [sent]),
        )
        if paced_requests:
            speed = min(result.acknowledged_per_s, result.queryable_per_s) / 2
            result.delay, result.check = measure_delay(
                server, workload, plan, paced_requests, speed, sent, say
            )
    if chosen.is_main:
        say("merging to one part a partition")
        result.disk = json_of("disk.py", str(data_dir))
    return result


def _others_cpu_s(server: BelvedereServer) -> float:
    """CPU time that the whole machine spent so far, but not in the server."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - server.cpu_s()
