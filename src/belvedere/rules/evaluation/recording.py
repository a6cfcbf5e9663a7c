"""A recording rule: its vector becomes series."""

from dataclasses import dataclass
from typing import ClassVar

from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.rules.evaluation.rule import Rule, RuleError
from belvedere.rules.evaluation.vector import Query, VectorSample


@dataclass(slots=True)
class RecordingRule(Rule):
    """See `Rule`."""

    type_name: ClassVar[str] = "recording"

    def evaluate(
        self, query: Query, at_ms: int, *, query_offset_ms: int, limit: int
    ) -> list[VectorSample]:
        """See `Rule.evaluate`."""
        vector = [
            VectorSample(self._named(labels), value)
            for labels, value in query(self.expression, at_ms - query_offset_ms)
        ]
        if len({sample.labels for sample in vector}) < len(vector):
            raise RuleError(
                "vector contains metrics with the same labelset after applying rule labels"
            )
        if limit and len(vector) > limit:
            raise RuleError(f"exceeded limit of {limit} with {len(vector)} series")
        return vector

    def _named(self, labels: Labels) -> Labels:
        return Labels({**labels.to_dict(), METRIC_NAME: self.config.record, **dict(self.labels)})
