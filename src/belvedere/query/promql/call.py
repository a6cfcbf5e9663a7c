"""What a function or an aggregation is called with, beside its arguments."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from belvedere.query.labels import EMPTY, Labels
from belvedere.query.promql.annotations import Annotations
from belvedere.query.promql.position import NOWHERE, Position
from belvedere.query.samples import IntArray


@dataclass(frozen=True, slots=True)
class CallContext:
    """The circumstances of one call, for all steps at once.

    Attributes:
        times_ms: int64[T], the steps of the query at which the call is evaluated. Not the ends
            of the windows, from which offset and @ are taken.
        positions: Where the arguments stand, in their order in the text. For an aggregation:
            first the vector, then the parameter if there is one.
        position: Where the whole call stands.
        annotations: Takes warnings and infos.
        delayed_name_removal: Metric names are only marked for removal (`drop_name`); else
            they are removed from the labels by the function itself.
        absent_labels: For `absent` and `absent_over_time`: the labels that the argument
            selects by equality, each by one matcher.
    """

    times_ms: IntArray
    positions: Sequence[Position]
    annotations: Annotations = field(default_factory=Annotations)
    delayed_name_removal: bool = False
    absent_labels: Labels = EMPTY
    position: Position = NOWHERE

    @property
    def steps(self) -> int:
        """T, the number of steps."""
        return int(self.times_ms.size)
