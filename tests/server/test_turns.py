"""Threads that compute leave the event loop its turns."""

import gc
import sys
from collections.abc import Iterator

import pytest

from belvedere.server.turns import favour_the_loop


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)


def test_threads_change_places_sooner_and_old_objects_are_looked_at_seldom() -> None:
    interval, (youngest, *_) = sys.getswitchinterval(), gc.get_threshold()
    favour_the_loop()
    assert sys.getswitchinterval() < interval
    assert gc.get_threshold()[0] > youngest
    assert gc.isenabled()
