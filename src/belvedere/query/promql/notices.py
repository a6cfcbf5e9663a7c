"""Notices of computations with native histograms, as Prometheus's annotations."""

from collections.abc import Iterable

from belvedere.query.histogram.notice import Notice
from belvedere.query.promql import annotations as texts
from belvedere.query.promql.annotations import Annotations
from belvedere.query.promql.position import Position

_OF_METRIC = {
    Notice.NOT_COUNTER: texts.native_histogram_not_counter,
    Notice.NOT_GAUGE: texts.native_histogram_not_gauge,
    Notice.MIXED_SCHEMAS: texts.mixed_exponential_custom_histograms,
    Notice.MIXED_FLOATS: texts.mixed_floats_histograms,
}
_BOUNDS = {
    Notice.BOUNDS_IN_ADDITION: "addition",
    Notice.BOUNDS_IN_SUBTRACTION: "subtraction",
    Notice.BOUNDS_IN_AGGREGATION: "aggregation",
}


def annotate(
    annotations: Annotations, notices: Iterable[tuple[str, Notice]], position: Position
) -> None:
    """Adds notices.

    Args:
        annotations: Where to.
        notices: With the name of the metric, which may be empty.
        position: What they are about.
    """
    for metric_name, notice in notices:
        if notice in _OF_METRIC:
            annotations.warn(_OF_METRIC[notice](metric_name), position)
        elif notice is Notice.RESET_COLLISION:
            annotations.warn(texts.counter_reset_collision("aggregation"), position)
        else:
            annotations.info(texts.mismatched_custom_buckets(_BOUNDS[notice]), position)
