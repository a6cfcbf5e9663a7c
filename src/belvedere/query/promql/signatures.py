"""The functions of PromQL: name → types of arguments, arity, result, experimental or not.

The table is Prometheus 3.14's. `variadic` is upstream's: 0 takes exactly the arguments, n > 0
lets the last one be absent or come up to n times, -1 lets it be absent or come any number of times.
"""

from dataclasses import dataclass
from enum import StrEnum


class ValueType(StrEnum):
    """The values are upstream's; `documented` is how its messages and answers name them."""

    NONE = "none"
    VECTOR = "vector"
    SCALAR = "scalar"
    MATRIX = "matrix"
    STRING = "string"

    @property
    def documented(self) -> str:
        return _DOCUMENTED.get(self, self.value)


_DOCUMENTED = {ValueType.VECTOR: "instant vector", ValueType.MATRIX: "range vector"}

_TYPES = {
    "v": ValueType.VECTOR,
    "s": ValueType.SCALAR,
    "m": ValueType.MATRIX,
    "t": ValueType.STRING,
}


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and gives."""

    name: str
    arguments: tuple[ValueType, ...]
    result: ValueType
    variadic: int = 0
    experimental: bool = False


# (names, arguments, result, variadic); v instant vector, m range vector, s scalar, t string
_STABLE = (
    (
        (
            "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg "
            "histogram_count histogram_sum histogram_stddev histogram_stdvar ln log10 log2 rad sgn "
            "sin sinh sort sort_desc sqrt tan tanh timestamp"
        ),
        "v",
        "v",
        0,
    ),
    (
        (
            "absent_over_time avg_over_time changes count_over_time delta deriv first_over_time "
            "idelta increase irate last_over_time max_over_time min_over_time present_over_time "
            "rate resets stddev_over_time stdvar_over_time sum_over_time"
        ),
        "m",
        "v",
        0,
    ),
    ("day_of_month day_of_week day_of_year days_in_month hour minute month year", "v", "v", 1),
    ("clamp", "vss", "v", 0),
    ("clamp_max clamp_min", "vs", "v", 0),
    ("histogram_fraction", "ssv", "v", 0),
    ("histogram_quantile", "sv", "v", 0),
    ("label_join", "vttt", "v", -1),
    ("label_replace", "vtttt", "v", 0),
    ("pi time", "", "s", 0),
    ("predict_linear", "ms", "v", 0),
    ("quantile_over_time", "sm", "v", 0),
    ("round", "vs", "v", 1),
    ("scalar", "v", "s", 0),
    ("vector", "s", "v", 0),
)
_EXPERIMENTAL = (
    (
        (
            "mad_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time "
            "ts_of_min_over_time"
        ),
        "m",
        "v",
        0,
    ),
    ("double_exponential_smoothing", "mss", "v", 0),
    ("end range start step", "", "s", 0),
    ("histogram_quantiles", "vtss", "v", 9),
    ("info", "vv", "v", 1),
    ("max_of min_of", "ss", "s", 0),
    ("sort_by_label sort_by_label_desc", "vt", "v", -1),
    ("start_timestamp", "v", "v", 0),
)


def _table() -> dict[str, Signature]:
    return {
        name: Signature(name, tuple(_TYPES[a] for a in arguments), _TYPES[result], variadic, flag)
        for rows, flag in ((_STABLE, False), (_EXPERIMENTAL, True))
        for names, arguments, result, variadic in rows
        for name in names.split()
    }


FUNCTIONS = _table()
