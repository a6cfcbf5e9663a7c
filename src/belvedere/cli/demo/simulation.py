"""Agent runs that are told, not run: no process, no package but the SDK's, any number at once."""

import time
from random import Random
from typing import Final

from belvedere.cli.demo.delivery import Delivery
from belvedere.cli.demo.emit import Story
from belvedere.cli.demo.outcome import Outcome
from belvedere.cli.demo.plan import draw
from belvedere.cli.demo.service import Clock, Service

_SPREAD_NS: Final = 20 * 10**9
"""The runs of one call ended within so much time."""
_EVERY_S: Final = 0.5


def run(delivery: Delivery, *, runs: int, seconds: int, seed: int | None) -> list[Outcome]:
    """Tell runs.

    Args:
        delivery: what sends them.
        runs: how many that ended lately, unless `seconds` says otherwise.
        seconds: tell runs as they end for so long, or until Ctrl-C; 0: `runs` at once.
        seed: the same runs for the same number.
    """
    random = Random(seed)  # noqa: S311 - a story, not a secret
    story = Story(delivery)
    try:
        return _live(story, random, seconds) if seconds else _at_once(story, random, runs)
    finally:
        story.close()


def _at_once(story: Story, random: Random, runs: int) -> list[Outcome]:
    told = []
    now_ns = time.time_ns()
    for number in range(runs, 0, -1):
        drawn = draw(random)
        ended_ns = now_ns - (number - 1) * _SPREAD_NS // runs
        told.append(Outcome(story.tell(drawn, ended_ns), drawn.fails))
    return told


def _live(story: Story, random: Random, seconds: int) -> list[Outcome]:
    told = []
    until_s = time.monotonic() + seconds
    try:
        while time.monotonic() < until_s:
            drawn = draw(random)
            told.append(Outcome(story.tell(drawn, time.time_ns()), drawn.fails))
            story.flush()
            time.sleep(_EVERY_S)
    except KeyboardInterrupt:
        print()
    return told


def announce(delivery: Delivery) -> None:
    """Send one log record: whether it is accepted tells whether the rest would be."""
    service = Service("belvedere-demo", "demo-1", delivery)
    service.log(Clock(time.time_ns()), "INFO", "AgentStack is started")
    service.close()
