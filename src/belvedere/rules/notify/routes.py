"""Which receivers an alert is for, and in which group."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from belvedere.query.labels import Labels
from belvedere.query.promql.matcher import Matcher
from belvedere.rules.notify.config import RouteConfig, parse_matcher

_ALL: Final = "..."


@dataclass(frozen=True, slots=True)
class Route:
    """A route, with all that it has from those around it. Times are milliseconds."""

    key: str
    """As Alertmanager names it: `{}/{severity="page"}`."""
    receiver: str
    matchers: Sequence[Matcher]
    goes_on: bool
    group_by: Sequence[str]
    group_wait_ms: int
    group_interval_ms: int
    repeat_interval_ms: int
    routes: "Sequence[Route]"

    def find(self, labels: Labels) -> "Iterator[Route]":
        """The routes of an alert: the innermost that match."""
        if not all(matcher.matches(labels.get(matcher.name)) for matcher in self.matchers):
            return
        found = False
        for route in self.routes:
            inner = list(route.find(labels))
            yield from inner
            found = found or bool(inner)
            if inner and not route.goes_on:
                break
        if not found:
            yield self

    def group_of(self, labels: Labels) -> Labels:
        """The labels by which an alert is grouped."""
        return labels if _ALL in self.group_by else labels.keep(*self.group_by)


def root_route(config: RouteConfig) -> Route:
    """The outermost route, with Alertmanager's defaults."""
    outside = Route("", config.receiver, (), False, (), 30_000, 300_000, 14_400_000, ())
    return _route(config, outside)


def _route(config: RouteConfig, around: Route) -> Route:
    matchers = [parse_matcher(text) for text in config.matchers]
    own = "{" + ",".join(map(str, matchers)) + "}"
    route = Route(
        key=f"{around.key}/{own}" if around.key else own,
        receiver=config.receiver or around.receiver,
        matchers=matchers,
        goes_on=config.continue_,
        group_by=around.group_by if config.group_by is None else config.group_by,
        group_wait_ms=_or(config.group_wait, around.group_wait_ms),
        group_interval_ms=_or(config.group_interval, around.group_interval_ms),
        repeat_interval_ms=_or(config.repeat_interval, around.repeat_interval_ms),
        routes=(),
    )
    return replace(route, routes=[_route(inner, route) for inner in config.routes])


def _or(given: int | None, around: int) -> int:
    return around if given is None else given
