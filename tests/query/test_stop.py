"""What runs long asks whether it is to go on."""

import pytest

from belvedere.query.stop import each, go_on, stoppable


class GoneError(Exception):
    pass


def raises() -> None:
    raise GoneError


def test_nobody_stops_what_nobody_minds() -> None:
    go_on()
    assert list(each("ab")) == ["a", "b"]


def test_within_what_is_stopped_nothing_goes_on() -> None:
    with stoppable(raises):
        with pytest.raises(GoneError):
            go_on()
        with pytest.raises(GoneError):
            next(each("ab"))
        assert list(each("")) == []
    go_on()


def test_each_asks_now_and_then() -> None:
    asked: list[None] = []
    with stoppable(lambda: asked.append(None)):
        assert len(list(each(range(1000)))) == 1000
    assert 2 <= len(asked) < 100
