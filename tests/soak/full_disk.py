"""`make soak`: a disk that fills to the last byte under load, and starts with segments that wait.

Nothing acknowledged may be missing, and nothing may be there twice. Needs root, for a small file
system of its own. Exit code 1 if anything is wrong.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

from running_server import RunningServer
from test_kill import SIGNALS, Sender

_CONFIG = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}
exporters:
  belvedere: {directory: "DIRECTORY", queue: {reserve_mib: 0, segment_age: 200ms}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [belvedere]}
    metrics: {receivers: [otlp], exporters: [belvedere]}
    logs: {receivers: [otlp], exporters: [belvedere]}
"""


def soak(
    cycles: Annotated[int, typer.Option(help="How often the disk fills and is emptied.")] = 10,
    starts: Annotated[int, typer.Option(help="How often a server starts with segments.")] = 100,
    size_mib: Annotated[int, typer.Option(help="Size of the small disk.")] = 400,
) -> None:
    """Fill a small disk under load, and kill and start servers with segments that wait."""
    wrong = 0
    if cycles:
        with small_disk(size_mib) as disk:
            wrong += fill_and_empty(disk, cycles)
    if starts:
        with tempfile.TemporaryDirectory() as directory:
            wrong += start_often(Path(directory), starts)
    raise typer.Exit(1 if wrong else 0)


@contextmanager
def small_disk(size_mib: int) -> Iterator[Path]:
    """A file system of that size, and of nobody else."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", directory], check=True
        )
        try:
            yield Path(directory)
        finally:
            subprocess.run(["umount", "--lazy", directory], check=True)


def fill_and_empty(disk: Path, cycles: int) -> int:
    """The load goes on while the disk is full and empty in turn. Returns what is wrong."""
    config = disk / "collector.yaml"
    config.write_text(_CONFIG.replace("DIRECTORY", str(disk / "data")))
    server = RunningServer(disk / "data", "--config", str(config))
    errors = threading.Thread(target=server.process.stderr.read, daemon=True)
    errors.start()  # a pipe that nobody reads would stop the server
    senders = {signal: Sender(signal, server.grpc, 1) for signal in SIGNALS}
    for sender in senders.values():
        sender.start()
    filler = disk / "filler"
    for cycle in range(cycles):
        time.sleep(1.5)
        refused = fill(filler, seconds=3)
        before = acknowledged(senders)
        filler.unlink()
        print(f"cycle {cycle + 1}: full {refused} times; acknowledged {before}", flush=True)
    time.sleep(2)
    return finish(server, senders)


def start_often(directory: Path, starts: int) -> int:
    """A server that is killed while it stores, again and again. Returns what is wrong."""
    sent: dict[str, list[int]] = {signal: [] for signal in SIGNALS}
    following = dict.fromkeys(SIGNALS, 1)
    for number in range(starts):
        server = RunningServer(directory / "data")
        senders = {signal: Sender(signal, server.grpc, following[signal]) for signal in SIGNALS}
        for sender in senders.values():
            sender.start()
        time.sleep(0.3)
        server.kill()
        for signal, sender in senders.items():
            sender.done.set()
            sender.join()
            sent[signal] += sender.acknowledged
            following[signal] = sender.next
        if number % 10 == 9:
            print(f"start {number + 1}: acknowledged { ({s: len(n) for s, n in sent.items()}) }")
    server = RunningServer(directory / "data")
    server.stored()
    wrong = sum(check(server, signal, numbers) for signal, numbers in sent.items())
    server.stop()
    return wrong + rejected(directory / "data")


def finish(server: RunningServer, senders: dict[str, Sender]) -> int:
    for sender in senders.values():
        sender.done.set()
        sender.join()
    server.stored()
    wrong = sum(check(server, signal, sender.acknowledged) for signal, sender in senders.items())
    server.process.terminate()
    server.process.wait()
    return wrong + rejected(server.data_dir)


def check(server: RunningServer, signal: str, acknowledged: list[int]) -> int:
    """Print and return how many are missing or there more than once."""
    sent = set(acknowledged)
    (row,) = server.sql(f"SELECT groupArray(number) AS numbers FROM ({SIGNALS[signal][2]})")
    stored = Counter(row["numbers"])
    missing = len(sent - stored.keys())
    twice = sum(count > 1 for count in stored.values())
    print(f"{signal}: {len(sent)} acknowledged, {missing} missing, {twice} twice")
    return missing + twice


def rejected(data_dir: Path) -> int:
    """Print and return how many files were rejected."""
    count = sum(1 for _ in data_dir.glob("rejected/**/*.otlp"))
    print(f"rejected: {count}")
    return count


def fill(file: Path, *, seconds: float) -> int:
    """Keep the file system full to the last byte for a while. Returns how often it was full."""
    full = 0
    with file.open("ab", buffering=0) as out:
        end_s = time.monotonic() + seconds
        size_bytes = 1 << 20
        while time.monotonic() < end_s:
            try:
                out.write(b"x" * size_bytes)
            except OSError:
                full += 1
                if size_bytes == 1:
                    time.sleep(0.001)
                size_bytes = max(size_bytes >> 4, 1)
    return full


def acknowledged(senders: dict[str, Sender]) -> dict[str, int]:
    return {signal: len(sender.acknowledged) for signal, sender in senders.items()}


if __name__ == "__main__":
    typer.run(soak)
