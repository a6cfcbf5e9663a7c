"""What the measurements share: send, wait, check."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from cases import Case
from payloads.file import Payload
from payloads.workload import Workload
from result import Check
from sending.plan import Plan, Sent
from sending.sender import Sender
from server import BelvedereServer

Say = Callable[[str], None]
"""Shows how far it is."""

HERE: Final = Path(__file__).parent
POLL_S: Final = 0.075
"""A query takes some milliseconds of CPU."""
STUCK_S: Final = 30.0
"""Without new records for so long, they do not come any more."""


def plan_of(chosen: Case, payload: Payload, host: str, port: int, requests: int) -> Plan:
    return Plan(
        signal=chosen.workload.signal,
        protocol=chosen.protocol,
        gzip=chosen.gzip,
        connections=chosen.connections,
        host=host,
        port=port,
        payload=payload,
        first=0,
        count=requests,
    )


def send(sender: Sender, workload: Workload, plan: Plan, say: Say) -> Sent:
    sender.go()
    while not sender.is_done(0.5):
        records = sender.acknowledged * workload.records_per_request
        total = plan.count * workload.records_per_request
        say(f"sent {records:,} of {total:,} {workload.unit}")
    return sender.sent


def wait_queryable(server: BelvedereServer, workload: Workload, total: int) -> float:
    """When a query found all records; after a while without new ones, the check says the rest."""
    found, changed_s = 0, time.monotonic()
    while True:
        count = server.count(workload.table)
        now_s = time.monotonic()
        if count >= total or now_s - changed_s > STUCK_S:
            return now_s
        if count > found:
            found, changed_s = count, now_s
        time.sleep(POLL_S)


def check_arrived(
    server: BelvedereServer, workload: Workload, last: Plan, sent: Sequence[Sent]
) -> Check:
    records = sum(len(each.sent_s) for each in sent) * workload.records_per_request
    last_sequence = (last.first + last.count) * workload.records_per_request - 1
    [row] = server.sql(workload.check_sql.format(first=0, last=last_sequence))
    return Check(
        sent=records,
        acknowledged=records - sum(each.rejected for each in sent),
        stored=int(row["stored"]),
        different=int(row["different"]),
    )


def json_of(script: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments], stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)
