"""The functions over instant vectors, scalars and strings: name → implementation."""

from collections.abc import Mapping

from belvedere.query.promql.instant_functions.dates import DATE_FUNCTIONS
from belvedere.query.promql.instant_functions.function import Argument, InstantFunction
from belvedere.query.promql.instant_functions.histograms import HISTOGRAM_FUNCTIONS
from belvedere.query.promql.instant_functions.label_functions import LABEL_FUNCTIONS
from belvedere.query.promql.instant_functions.of_floats import FLOAT_FUNCTIONS
from belvedere.query.promql.instant_functions.quantiles import QUANTILE_FUNCTIONS
from belvedere.query.promql.instant_functions.scalars import SCALAR_FUNCTIONS
from belvedere.query.promql.instant_functions.sorting import SORT_FUNCTIONS

INSTANT_FUNCTIONS: Mapping[str, InstantFunction] = {
    **DATE_FUNCTIONS,
    **FLOAT_FUNCTIONS,
    **HISTOGRAM_FUNCTIONS,
    **LABEL_FUNCTIONS,
    **QUANTILE_FUNCTIONS,
    **SCALAR_FUNCTIONS,
    **SORT_FUNCTIONS,
}

__all__ = ["INSTANT_FUNCTIONS", "Argument", "InstantFunction"]
