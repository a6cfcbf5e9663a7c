"""The delay from the moment a request is sent until a query finds its records."""

import time
from dataclasses import replace

import numpy as np

from payloads.workload import Workload
from result import Check, Delay
from run import POLL_S, STUCK_S, Say, check_arrived
from sending.plan import Plan, Sent
from sending.sender import Sender
from server import BelvedereServer


def measure_delay(
    server: BelvedereServer,
    workload: Workload,
    before: Plan,
    requests: int,
    records_per_s: float,
    sent_before: Sent,
    say: Say,
) -> tuple[Delay, Check]:
    """Send the requests after those of `before` at a pace, and watch the records appear.

    A request's delay ends with the first query that finds as many records as were sent up to it.
    """
    size = workload.records_per_request
    plan = replace(before, first=before.count, count=requests, requests_per_s=records_per_s / size)
    already = before.count * size
    seen_s, seen = [], []
    with Sender(plan) as sender:
        say(f"sending {records_per_s:,.0f} {workload.unit}/s")
        sender.go()
        deadline_s = time.monotonic() + 2 * requests * size / records_per_s + STUCK_S
        while not seen or seen[-1] < requests * size:
            seen.append(server.count(workload.table) - already)
            seen_s.append(time.monotonic())
            if seen_s[-1] > deadline_s:
                break
            sender.is_done(0)
            time.sleep(POLL_S)
        while not sender.is_done(0.5):
            pass
        sent = sender.sent
    wanted = size * np.arange(1, requests + 1)
    at = np.minimum(np.searchsorted(np.maximum.accumulate(seen), wanted), len(seen) - 1)
    delays_s = np.array(seen_s)[at] - np.sort(sent.sent_s)
    p50_s, p99_s, max_s = (float(np.percentile(delays_s, each)) for each in (50, 99, 100))
    check = check_arrived(server, workload, plan, [sent_before, sent])
    return Delay(records_per_s, p50_s, p99_s, max_s), check
