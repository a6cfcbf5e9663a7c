"""How many rules there are, and how many of their alerts fire."""

from collections.abc import Iterable
from dataclasses import dataclass

from belvedere.rules.evaluation.alert import AlertState
from belvedere.rules.evaluation.group import Group


@dataclass(frozen=True, slots=True)
class RuleCounts:
    """Of some groups."""

    groups: int
    rules: int
    firing: int
    """Alerts that fire; those that are resolved are none of them."""

    @classmethod
    def of(cls, groups: Iterable[Group]) -> "RuleCounts":
        """Count what is there now."""
        found = list(groups)
        rules = [rule for group in found for rule in group.rules]
        firing = sum(
            alert.state is AlertState.FIRING and alert.resolved_at_ms is None
            for rule in rules
            for alert in rule.alerts
        )
        return cls(len(found), len(rules), firing)
