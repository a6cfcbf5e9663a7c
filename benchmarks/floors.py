"""Floors: less than Belvedere does, with the same bytes, on the same machine, in the same run."""

import subprocess
import sys
from pathlib import Path

import psutil

from cases import Case
from payloads.file import Payload
from result import Floor
from run import HERE, Say, json_of, plan_of, send
from sending.sender import Sender


def parse_floor(chosen: Case, payload: Payload, requests: int, say: Say) -> Floor:
    """The same requests to a gRPC server that only parses them."""
    say("floor: parse only")
    with subprocess.Popen(
        [sys.executable, str(HERE / "floor_parse.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            if process.stdout is None:
                raise AssertionError("stdout is a pipe")
            port = int(process.stdout.readline())
            plan = plan_of(chosen, payload, "127.0.0.1", port, requests)
            with Sender(plan) as sender:
                before_s = sum(psutil.Process(process.pid).cpu_times()[:2])
                sent = send(sender, chosen.workload, plan, say)
                cpu_s = sum(psutil.Process(process.pid).cpu_times()[:2]) - before_s
        finally:
            process.kill()
    total = requests * chosen.workload.records_per_request
    return Floor(total / sent.duration_s, cpu_s / total * 1e6)


def insert_floor(chosen: Case, payload: Payload, requests: int, data_dir: Path, say: Say) -> Floor:
    """The same bytes inserted by chDB alone."""
    say("floor: chDB alone")
    workload = chosen.workload
    found = json_of("floor_insert.py", workload.name, payload.path, str(requests), str(data_dir))
    total = requests * workload.records_per_request
    if found["stored"] != total:
        raise RuntimeError(f"chDB alone stored {found['stored']} records of {total}")
    return Floor(total / found["duration_s"], found["cpu_s"] / total * 1e6)
