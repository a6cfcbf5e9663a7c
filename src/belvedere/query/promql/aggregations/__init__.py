"""The aggregation operators: name → implementation."""

from collections.abc import Mapping

from belvedere.query.promql.aggregations.aggregation import Aggregation
from belvedere.query.promql.aggregations.choosing import bottomk, limit_ratio, limitk, topk
from belvedere.query.promql.aggregations.counting import (
    aggregate_count,
    aggregate_group,
    count_values,
)
from belvedere.query.promql.aggregations.of_floats import (
    aggregate_max,
    aggregate_min,
    aggregate_quantile,
    aggregate_stddev,
    aggregate_stdvar,
)
from belvedere.query.promql.aggregations.sums import aggregate_avg, aggregate_sum

AGGREGATIONS: Mapping[str, Aggregation] = {
    "sum": aggregate_sum,
    "avg": aggregate_avg,
    "count": aggregate_count,
    "min": aggregate_min,
    "max": aggregate_max,
    "group": aggregate_group,
    "stddev": aggregate_stddev,
    "stdvar": aggregate_stdvar,
    "quantile": aggregate_quantile,
    "count_values": count_values,
    "topk": topk,
    "bottomk": bottomk,
    "limitk": limitk,
    "limit_ratio": limit_ratio,
}

__all__ = ["AGGREGATIONS", "Aggregation"]
