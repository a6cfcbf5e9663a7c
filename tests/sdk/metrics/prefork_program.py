"""A pre-fork server as gunicorn is one: the application is loaded, then three workers are forked.

Worker n counts n calls, has n agents active and a gauge of n. Prints `{"pid": port}` and waits.
`kill` on standard input kills the last worker, `replace` forks one in its place (which counts
nothing), end of file ends them all.
"""

import json
import os
import signal
import sys
from collections.abc import Iterable

from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource

from belvedere.sdk import metrics
from belvedere.sdk.metrics.instruments import bind
from belvedere.sdk.metrics.prometheus import reader

provider = MeterProvider([reader()], Resource.create({"service.name": "prefork"}))
bind(provider)
number = 100


def gauge(_: CallbackOptions) -> Iterable[Observation]:
    return [Observation(number)]


provider.get_meter("application").create_observable_gauge("worker_number", [gauge])
metrics.llm_calls_total.add(1000, model="m")
metrics.llm_call_duration_seconds.record(50)


def fork(this: int) -> tuple[int, int]:
    global number  # noqa: PLW0603 - one number a process
    ready, say = os.pipe()
    pid = os.fork()
    if pid:
        os.close(say)
        return pid, int(os.read(ready, 10))
    os.close(ready)
    number = this
    if this:
        metrics.llm_calls_total.add(this, model="m")
        metrics.agents_active.add(this)
        metrics.llm_call_duration_seconds.record(this)
    os.write(say, str(metrics.serve(0, "127.0.0.1").port).encode())
    while True:
        signal.pause()


workers = dict(fork(this) for this in (1, 2, 4))
print(json.dumps(workers), flush=True)
for line in sys.stdin:
    if line.strip() == "kill":
        last = [*workers][-1]
        workers.pop(last)
        os.kill(last, signal.SIGKILL)
        os.waitpid(last, 0)
    else:
        workers.update([fork(0)])
    print(json.dumps(workers), flush=True)
for pid in workers:
    os.kill(pid, signal.SIGKILL)
