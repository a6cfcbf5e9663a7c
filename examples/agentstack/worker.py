"""The worker: does the jobs of the queue."""

from agentstack import jobs
from agentstack.job_queue import huey

_WORKERS = 4
_LOOK_S = 0.02
_LOOK_WHEN_IDLE_S = 0.1


def main() -> None:
    """Work until SIGTERM or Ctrl-C; a job under way is finished."""
    jobs.log.info("worker started", workers=_WORKERS)
    huey.create_consumer(
        workers=_WORKERS,
        periodic=False,
        initial_delay=_LOOK_S,
        max_delay=_LOOK_WHEN_IDLE_S,
        check_worker_health=False,
        graceful_signal="TERM",
    ).run()
