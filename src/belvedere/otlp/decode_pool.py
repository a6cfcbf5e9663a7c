"""Large requests are decoded in child processes with limited memory and CPU time.

A call of a parser holds Python's lock until it returns. In a thread, one large request would stop
the event loop for as long, and a crafted one for seconds. A child process stops nobody, the kernel
limits what it uses, and the time that it gives to a project and to a connection is shared.
"""

import asyncio
import atexit
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from typing import Any, Final, NamedTuple, TypeVar

from belvedere.otlp.errors import TooLarge, Unavailable

T = TypeVar("T")

_PROCESSES: Final = 3
_PROCESSES_PER_PROJECT: Final = 2
"""One process is always left to the other projects. A connection has one at a time."""
_MAX_WAITING_BYTES: Final = 128 << 20
"""Bodies of one project that wait for a process."""
_MAX_WAITING: Final = 1024
"""The same, by their number."""
_IDLE_S: Final = 60.0
"""A process that has nothing to do for so long ends, and its memory is free again."""

_MEMORY_BYTES: Final = 1 << 30
"""A request of 64 MiB of real telemetry needs up to 600 MiB while it is decoded."""
_KEPT_BYTES: Final = 256 << 20
"""A process that has not released more than this after a request ends."""
_CPU_S: Final = 20
"""A request of 64 MiB of real telemetry needs two seconds."""
_END_S: Final = 5.0
"""What a process whose pipe is closed gets to end by itself."""
_NICENESS: Final = 5
"""The event loop runs first."""

_SLOW_S: Final = 0.02
_SLOW_FOR_S: Final = 10.0
_SLOW_PROJECT_BYTES: Final = 16 << 10
_MAX_SLOW_PROJECTS: Final = 1000

_SERVE: Final = "from belvedere.otlp.decode_pool import serve; serve({cpu_s})"


class Share(NamedTuple):
    """Whose share of the decode time a request takes."""

    project: str
    connection: str


class _Job(NamedTuple):
    share: Share
    size_bytes: int
    call: tuple[Callable[..., Any], tuple[Any, ...]]
    future: Future[Any]


class DecodePool:
    """Child processes that start when they are needed, and a queue that is fair.

    Waiting requests are served by project in turn, and within a project by connection in turn.
    """

    def __init__(
        self,
        *,
        processes: int = _PROCESSES,
        per_project: int = _PROCESSES_PER_PROJECT,
        cpu_s: int = _CPU_S,
    ) -> None:
        """Create a pool without processes.

        Args:
            processes: at most.
            per_project: processes that one project has at most.
            cpu_s: CPU time of one request.
        """
        self._processes, self._per_project, self._cpu_s = processes, per_project, cpu_s
        self._condition = threading.Condition()
        self._waiting: dict[str, dict[str, deque[_Job]]] = {}
        """By project and connection; the next one in turn is first."""
        self._running: Counter[str | Share] = Counter()
        """Of each project and each connection."""
        self._waiting_bytes: Counter[str] = Counter()
        self._waiting_jobs: Counter[str] = Counter()
        self._threads = self._idle = 0
        self._children: set[_Child] = set()
        self._closed = False
        self._slow_until: dict[str, float] = {}

    async def run(
        self, share: Share, size_bytes: int, function: Callable[..., T], *arguments: Any
    ) -> T:
        """The result of `function(*arguments)` in a child process.

        Args:
            share: whose time it takes.
            size_bytes: the memory that the arguments take while they wait.
            function: importable by its name.
            arguments: picklable.

        Raises:
            Unavailable: if too much waits, or no process can be started, or it was killed.
            TooLarge: if the limit of memory or CPU time was exceeded.
            Exception: whatever `function` raises.
        """
        job = _Job(share, size_bytes, (function, arguments), Future())
        self._submit(job)
        result: T = await asyncio.wrap_future(job.future)
        return result

    def inline_bytes(self, project: str, usual_bytes: int) -> int:
        """The largest decompressed request of a project that may be decoded on the event loop."""
        until = self._slow_until.get(project)
        if until is None or time.monotonic() >= until:
            return usual_bytes
        return min(usual_bytes, _SLOW_PROJECT_BYTES)

    def decoded_inline(self, project: str, cpu_s: float) -> None:
        """Note that a request was decoded on the event loop.

        After a slow one, only small requests of its project are decoded there for a while: many
        of them, each within its bound, would hold the loop for seconds.
        """
        if cpu_s < _SLOW_S:
            return
        now = time.monotonic()
        if len(self._slow_until) >= _MAX_SLOW_PROJECTS:
            self._slow_until = {
                each: until for each, until in self._slow_until.items() if until > now
            }
        self._slow_until[project] = now + _SLOW_FOR_S

    def close(self) -> None:
        """Kill the processes. Requests that wait, or are being decoded, are Unavailable."""
        with self._condition:
            self._closed = True
            jobs = [
                job
                for connections in self._waiting.values()
                for queue in connections.values()
                for job in queue
            ]
            self._waiting.clear()
            children = list(self._children)
            self._condition.notify_all()
        for child in children:
            child.kill()
        for job in jobs:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(Unavailable("the server is stopping", after_s=1))

    def _submit(self, job: _Job) -> None:
        project, connection = job.share
        with self._condition:
            if self._closed:
                raise Unavailable("the server is stopping", after_s=1)
            if (
                self._waiting_jobs[project] >= _MAX_WAITING
                or self._waiting_bytes[project] + job.size_bytes > _MAX_WAITING_BYTES
            ) and self._waiting_jobs[project]:
                raise Unavailable("too many large requests wait to be decoded", after_s=1)
            self._waiting_jobs[project] += 1
            self._waiting_bytes[project] += job.size_bytes
            queues = self._waiting.setdefault(project, {})
            queues.setdefault(connection, deque()).append(job)
            if self._waiting_jobs.total() > self._idle and self._threads < self._processes:
                self._threads += 1
                self._idle += 1
                threading.Thread(target=self._work, name="decode", daemon=True).start()
            self._condition.notify()

    def _work(self) -> None:
        """Serve jobs with one child process until there has been none for a while."""
        child: _Child | None = None
        while job := self._next():
            try:
                if child is None or not child.is_alive():
                    child = self._started(child)
                answer = child.call(*job.call)
            except Exception as error:  # noqa: BLE001 - it is the job's result
                answer = error
            self._finish(job)
            if isinstance(answer, BaseException):
                job.future.set_exception(answer)
            else:
                job.future.set_result(answer[0])
            del answer, job
        if child is not None:
            with self._condition:
                self._children.discard(child)
            child.close()

    def _started(self, before: "_Child | None") -> "_Child":
        with self._condition:
            if before is not None:
                self._children.discard(before)
            if self._closed:
                raise Unavailable("the server is stopping", after_s=1)
            try:
                child = _Child(self._cpu_s)
            except OSError as error:
                raise Unavailable(
                    f"cannot start a process to decode large requests: {error.strerror}", after_s=5
                ) from None
            self._children.add(child)
        return child

    def _next(self) -> _Job | None:
        """The next job in turn, waiting for it; None: there has been none for a while."""
        with self._condition:
            while True:
                job = self._in_turn()
                if job is None:
                    notified = self._condition.wait(_IDLE_S)
                    if self._closed or not (notified or self._waiting):
                        self._threads -= 1
                        self._idle -= 1
                        return None
                elif job.future.set_running_or_notify_cancel():
                    self._idle -= 1
                    self._running.update((job.share.project, job.share))
                    return job

    def _in_turn(self) -> _Job | None:
        """Remove the first waiting job whose project and connection may have a process."""
        for project, queues in self._waiting.items():
            if self._running[project] >= self._per_project:
                continue
            for connection, queue in queues.items():
                if self._running[Share(project, connection)]:
                    continue
                job = queue.popleft()
                del queues[connection]
                if queue:
                    queues[connection] = queue  # behind the other connections
                del self._waiting[project]
                if queues:
                    self._waiting[project] = queues
                _subtract(self._waiting_jobs, project, 1)
                _subtract(self._waiting_bytes, project, job.size_bytes)
                return job
        return None

    def _finish(self, job: _Job) -> None:
        with self._condition:
            self._idle += 1
            _subtract(self._running, job.share.project, 1)
            _subtract(self._running, job.share, 1)
            self._condition.notify_all()


@cache
def shared_pool() -> DecodePool:
    """The pool of this process: its limits hold for all endpoints together."""
    pool = DecodePool()
    atexit.register(pool.close)
    return pool


def _subtract(counter: Counter[Any], key: str | Share, count: int) -> None:
    """Subtract, and forget what is zero: names of projects and connections come from clients."""
    counter[key] -= count
    if not counter[key]:
        del counter[key]


class _Child:
    """A child process that runs `serve`."""

    def __init__(self, cpu_s: int) -> None:
        self._cpu_s = cpu_s
        self._process = subprocess.Popen(  # noqa: S603 - this Python, and a constant
            [sys.executable, "-P", "-c", _SERVE.format(cpu_s=cpu_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Signals from a terminal are for the server: it lets requests finish.
            process_group=0,
            # Each thread of NumPy's libraries would count as memory.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        assert self._process.stdin is not None  # noqa: S101 - they are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._requests, self._answers = self._process.stdin, self._process.stdout

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """A tuple of the result, or the exception that was raised.

        Raises:
            TooLarge: if the process used all its CPU time.
            Unavailable: if it was killed.
        """
        try:
            pickle.dump((function, arguments), self._requests, protocol=5)
            self._requests.flush()
            is_last = pickle.load(self._answers)  # noqa: S301 - of our own child
            answer = pickle.load(self._answers)  # noqa: S301
        except (OSError, EOFError, pickle.UnpicklingError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_S)
            self.close()
        else:
            if is_last:
                self.close()
            return answer
        if self._process.returncode == -signal.SIGXCPU:
            raise TooLarge(f"decoding the request took more than {self._cpu_s} s of CPU time")
        raise Unavailable("the process that decoded the request ended; send it again", after_s=1)

    def kill(self) -> None:
        """End the process at once; the thread that waits for it gets an error."""
        self._process.kill()

    def close(self) -> None:
        """End the process, and wait for that."""
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()
        self._process.kill()
        self._process.wait()


def serve(cpu_s: int) -> None:
    """The child process: run functions from standard input until it ends."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # the end of the parent is the end of the input
    with os.fdopen(os.dup(0), "rb") as requests, os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # nothing that is printed gets among the answers
        os.nice(_NICENESS)
        first_bytes = 0
        while True:
            try:
                function, arguments = pickle.load(requests)  # noqa: S301 - of the parent
            except EOFError:
                return
            if not first_bytes:  # with the modules of the function imported
                first_bytes = _memory_bytes()
                _limit_memory(first_bytes + _MEMORY_BYTES)
            _limit_cpu(cpu_s)
            answer = _answer(function, arguments)
            del arguments
            is_last = _memory_bytes() > first_bytes + _KEPT_BYTES
            for part in (pickle.dumps(is_last), answer):
                answers.write(part)
            answers.flush()
            if is_last:
                return
            del answer, part


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    """A tuple with the result, or the exception that was raised, serialized."""
    try:
        return pickle.dumps((function(*arguments),), protocol=5)
    except MemoryError:
        error: Exception = TooLarge("decoding the request needs many times the memory of its size")
    except Exception as raised:  # noqa: BLE001 - the parent raises it
        error = raised
        error.add_note("".join(traceback.format_exception(raised)))
    return pickle.dumps(error)


def _memory_bytes() -> int:
    """The address space of this process; 1 where it cannot be known, or limited."""
    if sys.platform != "linux":
        return 1
    import resource  # noqa: PLC0415 - Unix only

    with open("/proc/self/statm") as file:  # noqa: PTH123 - not a file to be opened by its path
        return int(file.read().split()[0]) * resource.getpagesize()


def _limit_memory(limit: int) -> None:
    if sys.platform != "linux":
        return  # elsewhere the limit is not enforced
    import resource  # noqa: PLC0415 - Unix only

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _limit_cpu(cpu_s: int) -> None:
    import resource  # noqa: PLC0415 - Unix only

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = int(time.process_time()) + 1 + cpu_s
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))
