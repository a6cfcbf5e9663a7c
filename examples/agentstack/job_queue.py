"""The job queue, and how a trace crosses it.

By OpenTelemetry's conventions for messaging: sending is a span of the kind PRODUCER, whose context
travels in the message; processing is a span of the kind CONSUMER, its child, which also links to
it. A job that is tried again has a span for each try.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeAlias

from huey import SqliteHuey
from huey.api import Result, Task, TaskWrapper
from opentelemetry import context, propagate, trace
from opentelemetry.trace import Link, SpanKind

from agentstack.settings import QUEUE, settings

_COMMON: Final = {"messaging.system": "huey", "messaging.destination.name": QUEUE}
_tracer = trace.get_tracer("agentstack.job_queue")

# Another storage that huey knows (Redis, PostgreSQL) would be another line here.
huey: Final = SqliteHuey(
    QUEUE,
    filename=settings().queue_file,
    store_intermediate_errors=False,  # who waits for a result gets the last try's
)

Carrier: TypeAlias = dict[str, str]


def job(*, retries: int = 0) -> Callable[[Callable[..., Any]], TaskWrapper]:
    """A function that `send` has the worker call, again after a failure up to `retries` times."""

    def decorate(function: Callable[..., Any]) -> TaskWrapper:
        @wraps(function)
        def process(carrier: Carrier, task: Task, **arguments: Any) -> Any:
            sent = propagate.extract(carrier)
            # The whole context, not only the span: it has the baggage.
            token = context.attach(sent)
            try:
                with _tracer.start_as_current_span(
                    f"process {QUEUE}",
                    kind=SpanKind.CONSUMER,
                    links=[Link(trace.get_current_span(sent).get_span_context())],
                    attributes={
                        **_COMMON,
                        "messaging.operation.name": "process",
                        "messaging.operation.type": "process",
                        "messaging.message.id": str(task.id),
                        "agentstack.job.name": function.__name__,
                        "agentstack.job.attempt": retries - (task.retries or 0) + 1,
                    },
                ):
                    return function(**arguments)
            finally:
                context.detach(token)

        return huey.task(retries=retries, context=True, name=function.__name__)(process)

    return decorate


def send(wanted: TaskWrapper, **arguments: Any) -> Result:
    """Put a job into the queue. Its result can be waited for."""
    with _tracer.start_as_current_span(
        f"send {QUEUE}",
        kind=SpanKind.PRODUCER,
        attributes={
            **_COMMON,
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "agentstack.job.name": wanted.task_class.__name__,
        },
    ) as span:
        carrier: Carrier = {}
        propagate.inject(carrier)
        result = wanted(carrier, **arguments)
        span.set_attribute("messaging.message.id", str(result.id))
        return result
