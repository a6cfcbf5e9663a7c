"""A child that is forked while other threads count does not wait for them."""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from belvedere.sdk.providers import OwnMeterProvider

STREAM = "[*storage._instrument_view_instrument_matches.values()][0][0]"
AGGREGATION = f"[*{STREAM}._attributes_aggregation.values()][0]"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # what is under test
@pytest.mark.parametrize(
    "held",
    [
        pytest.param("meter._instrument_ids_lock", id="instruments"),
        pytest.param("meter._instrument_registration_lock", id="registration"),
        pytest.param("consumer._lock", id="collection"),
        pytest.param("storage._lock", id="storage"),
        pytest.param(f"{STREAM}._lock", id="stream"),
        pytest.param(f"{AGGREGATION}._lock", id="aggregation"),
        pytest.param(f"{AGGREGATION}._reservoir._lock", id="exemplars"),
        pytest.param("reader._lock", id="reader"),
    ],
)
@pytest.mark.parametrize("create", ["create_counter", "create_histogram"])
def test_what_another_thread_held_at_the_fork_is_free(create: str, held: str) -> None:
    reader = InMemoryMetricReader()
    provider = OwnMeterProvider([reader], resource=Resource({}), shutdown_on_exit=False)
    meter = provider.get_meter("m")
    instrument: Any = getattr(meter, create)("name")
    count: Callable[..., None] = getattr(instrument, "add", None) or instrument.record
    count(1)
    consumer: Any = provider._measurement_consumer
    storage = consumer._reader_storages[reader]
    lock = eval(held, {**globals(), **locals()})  # noqa: S307 - the table above

    taken, release = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            release.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)  # a child that waits for good fails the test
        count(1)
        getattr(meter, create)("another")
        data = reader.get_metrics_data()
        os._exit(0 if data is not None else 1)
    release.set()
    holder.join()
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
