"""The editors that `transform` has beside OTTL's own: they work on metrics."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from belvedere.collector.ottl.function import Function, editor
from belvedere.collector.ottl.kinds import BOOL, NUMBER, STRING, STRINGS, one_of
from belvedere.collector.ottl.record import Context
from belvedere.collector.processors.transform.functions.aggregate import (
    AGGREGATIONS,
    aggregate_on_attribute_value,
    aggregate_on_attributes,
)
from belvedere.collector.processors.transform.functions.convert import (
    convert_gauge_to_sum,
    convert_sum_to_gauge,
    copy_metric,
    scale_metric,
)
from belvedere.collector.processors.transform.functions.extract import (
    TEMPORALITIES,
    convert_summary_count_val_to_sum,
    convert_summary_quantile_val_to_gauge,
    convert_summary_sum_val_to_sum,
    extract_count_metric,
    extract_sum_metric,
)

_METRIC: Final = frozenset({Context.METRIC})
_METRIC_OR_DATAPOINT: Final = frozenset({Context.METRIC, Context.DATAPOINT})
_TEMPORALITY: Final = one_of(*TEMPORALITIES)
_AGGREGATION: Final = one_of(*AGGREGATIONS)

EDITORS: Mapping[str, Function] = MappingProxyType(
    {
        "aggregate_on_attribute_value": editor(
            aggregate_on_attribute_value,
            _AGGREGATION,
            STRING,
            STRINGS,
            STRING,
            contexts=_METRIC,
        ),
        "aggregate_on_attributes": editor(
            aggregate_on_attributes, _AGGREGATION, STRINGS, contexts=_METRIC
        ),
        "convert_gauge_to_sum": editor(convert_gauge_to_sum, _TEMPORALITY, BOOL, contexts=_METRIC),
        "convert_sum_to_gauge": editor(convert_sum_to_gauge, contexts=_METRIC),
        "convert_summary_count_val_to_sum": editor(
            convert_summary_count_val_to_sum,
            _TEMPORALITY,
            BOOL,
            STRING,
            contexts=_METRIC_OR_DATAPOINT,
        ),
        "convert_summary_quantile_val_to_gauge": editor(
            convert_summary_quantile_val_to_gauge, STRING, STRING, contexts=_METRIC
        ),
        "convert_summary_sum_val_to_sum": editor(
            convert_summary_sum_val_to_sum,
            _TEMPORALITY,
            BOOL,
            STRING,
            contexts=_METRIC_OR_DATAPOINT,
        ),
        "copy_metric": editor(copy_metric, STRING, STRING, STRING, contexts=_METRIC),
        "extract_count_metric": editor(extract_count_metric, BOOL, STRING, contexts=_METRIC),
        "extract_sum_metric": editor(extract_sum_metric, BOOL, STRING, contexts=_METRIC),
        "scale_metric": editor(scale_metric, NUMBER, STRING, contexts=_METRIC),
    }
)
