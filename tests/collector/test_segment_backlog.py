"""Whatever fails, in whatever order: each segment is waiting, taken or done, and others go on."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.collector.segment_backlog import SegmentBacklog
from belvedere.collector.segment_files import Segment


def segment(number: int, lane: str = "a", items: int | None = 1) -> Segment:
    name = f"{number:04d}"
    return Segment(lane, name, Path(name), 10, items)


def backlog(*lanes: str) -> SegmentBacklog:
    """With a segment in each lane, in that order."""
    made = SegmentBacklog(first_pause_s=1, longest_pause_s=8)
    for number, lane in enumerate(lanes):
        made.add(segment(number, lane))
    return made


def test_lanes_take_turns_and_each_starts_with_its_oldest() -> None:
    waiting = backlog("a", "a", "a", "b", "c")
    assert [waiting.take(0)[0].id for _ in range(5)] == ["0000", "0003", "0004", "0001", "0002"]
    assert waiting.take(0) == []
    assert waiting.pause_s(0) is None


def test_the_pause_of_a_segment_doubles_up_to_the_longest() -> None:
    waiting = backlog("a")
    now_s, pauses = 0.0, []
    for _ in range(6):
        (taken,) = waiting.take(now_s)
        pauses.append(waiting.put_back(taken, now_s))
        assert waiting.take(now_s) == []
        now_s += waiting.pause_s(now_s) or 0
    assert pauses == [1, 2, 4, 8, 8, 8]


def test_a_lane_that_fails_pauses_and_the_others_do_not() -> None:
    waiting = backlog("a", "a", "b")
    (failed,) = waiting.take(0)
    waiting.put_back(failed, 0)
    assert [one.lane for one in waiting.take(0)] == ["b"]
    assert waiting.take(0.5) == []
    assert [one.id for one in waiting.take(1)] == ["0001"], "another of the lane comes first"
    assert waiting.take(1) == [], "and one at a time, until one succeeds"
    waiting.done(segment(1))
    assert [one.id for one in waiting.take(1)] == ["0000"]


@pytest.mark.parametrize(
    ("fresh", "join_bytes", "joined"),
    [
        ([True] * 4, 0, 1),
        ([True] * 4, 30, 3),
        ([True] * 4, 1000, 4),
        ([True, True, False, True], 1000, 2),
        ([False, True, True, True], 1000, 1),
    ],
    ids=["off", "up to the size", "all", "until one that may be stored", "not from one either"],
)
def test_joining(fresh: list[bool], join_bytes: int, joined: int) -> None:
    waiting = SegmentBacklog(1, 8)
    for number, is_fresh in enumerate(fresh):
        waiting.add(segment(number, items=1 if is_fresh else None))
    assert len(waiting.take(0, join_bytes)) == joined


actions = st.lists(
    st.tuples(st.sampled_from(["add", "take", "done", "fail", "join"]), st.integers(0, 3)),
    max_size=60,
)


@given(actions)
def test_nothing_is_lost_or_taken_twice(steps: list[tuple[str, int]]) -> None:
    waiting = SegmentBacklog(1, 8)
    taken: list[Segment] = []
    added: set[str] = set()
    finished: set[str] = set()
    for now_s, (action, number) in enumerate(steps):
        if action == "add":
            waiting.add(segment(now_s, "abcd"[number]))
            added.add(f"{now_s:04d}")
        elif action == "take":
            taken += waiting.take(now_s)
        elif action == "join":
            chosen = waiting.take(now_s, 30)
            waiting.release(chosen[1:])
            taken += chosen[:1]
        elif taken:
            one = taken.pop(number % len(taken))
            if action == "done":
                waiting.done(one)
                finished.add(one.id)
            else:
                waiting.put_back(one, now_s)
        ids = [one.id for one in (*waiting.waiting(), *taken)]
        assert len(ids) == len(set(ids))
        assert {*ids, *finished} == added
    while True:  # once everything succeeds, everything is done
        taken += waiting.take(1e9, 30)
        if not taken:
            break
        waiting.done(taken.pop())
    assert len(waiting) == 0
