"""The floor of storing: chDB alone inserts segments into the same tables, in two threads.

`python floor_insert.py WORKLOAD PAYLOAD REQUESTS DIRECTORY` prints one line of JSON.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import psutil

from belvedere.store.embedded import EmbeddedClickHouse
from belvedere.store.ingest import insert
from belvedere.store.migrate import migrate
from belvedere.store.retention import DEFAULT_DAYS, set_retention
from payloads.file import Payload, segments
from payloads.workload import WORKLOADS

_SEGMENT_BYTES: Final = 16 << 20
"""As the durable queue of `belvedere up` has them."""
_THREADS: Final = 2


def _main(name: str, path: str, requests: int, directory: Path) -> None:
    workload = WORKLOADS[name]
    parts = list(segments(Payload(path), requests, _SEGMENT_BYTES))
    db = EmbeddedClickHouse(directory)
    migrate(db, "default")
    set_retention(db, "default", DEFAULT_DAYS)
    process = psutil.Process()

    def store(numbered: tuple[int, bytes]) -> None:
        number, data = numbered
        insert(db, "default", workload.signal, data, token=f"segment-{number}")

    cpu_before_s = sum(process.cpu_times()[:2])
    began_s = time.monotonic()
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(store, enumerate(parts)))
    duration_s = time.monotonic() - began_s
    while int(db.query("SELECT count() AS n FROM system.merges").column("n")[0].as_py()):
        time.sleep(0.2)
    cpu_s = sum(process.cpu_times()[:2]) - cpu_before_s
    stored = db.query(f"SELECT count() AS n FROM {workload.table}").column("n")[0].as_py()
    db.close()
    print(json.dumps({"duration_s": duration_s, "cpu_s": cpu_s, "stored": stored}))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
