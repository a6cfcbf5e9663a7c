"""What recording and alerting rules have in common."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from belvedere.query.labels import Labels
from belvedere.rules.evaluation.alert import Alert, AlertState
from belvedere.rules.evaluation.vector import Query, VectorSample
from belvedere.rules.files import model


class Health(StrEnum):
    """How a rule's last evaluation went."""

    UNKNOWN = "unknown"
    GOOD = "ok"
    BAD = "err"


class RuleError(Exception):
    """A rule's vector cannot be used. The message is upstream's."""


@dataclass(slots=True)
class Rule:
    """A rule, and how its evaluations go. One evaluation at a time.

    Attributes:
        config: As it is written.
        expression: PromQL, in the engine's own form.
        labels: Those of the rule and of its group.
    """

    type_name: ClassVar[str] = ""

    config: model.Rule
    expression: str
    labels: Labels
    health: Health = Health.UNKNOWN
    last_error: str = ""
    evaluated_at_s: float | None = None
    """When the last evaluation began."""
    evaluation_s: float = 0.0
    """How long it took."""
    written: dict[Labels, None] = field(default_factory=dict)
    """The series that the last evaluation wrote."""

    @property
    def name(self) -> str:
        """Of the alert or the series."""
        return self.config.name

    @property
    def alerts(self) -> Sequence[Alert]:
        """All alerts, those that are resolved as well."""
        return ()

    @property
    def state(self) -> AlertState:
        """The heaviest state of its alerts."""
        return AlertState.INACTIVE

    def evaluate(
        self, query: Query, at_ms: int, *, query_offset_ms: int, limit: int
    ) -> list[VectorSample]:
        """Evaluate at a time, and give the samples to be written, at `at_ms - query_offset_ms`.

        Raises:
            RuleError: the vector cannot be used.
            PromQLError: the query failed.
            StoreError: likewise.
        """
        raise NotImplementedError
