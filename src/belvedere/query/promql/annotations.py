"""Warnings and infos that come with an answer, with upstream's texts (util/annotations).

Texts with parameters are the functions below; give the result to `Annotations.warn` or
`Annotations.info` together with the position that upstream names.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from belvedere.query.go_format import format_g, quote
from belvedere.query.promql.position import Position

WARNING = "PromQL warning: "
INFO = "PromQL info: "


@dataclass(slots=True)
class _Monotonicity:
    """What `histogram_quantile` had to mend, over all groups and steps of one call."""

    position: Position
    count: int
    min_timestamp_ms: int
    max_timestamp_ms: int
    min_bucket: float
    max_bucket: float
    max_difference: float


@dataclass(slots=True)
class Annotations:
    """Collects what upstream would annotate; equal texts are kept once, the last position wins."""

    _warnings: dict[str, Position] = field(default_factory=dict)
    _infos: dict[str, Position] = field(default_factory=dict)
    _monotonicity: dict[str, _Monotonicity] = field(default_factory=dict)

    def warn(self, message: str, position: Position) -> None:
        """Add a warning; `message` is without the prefix `PromQL warning: `."""
        self._warnings[message] = position

    def info(self, message: str, position: Position) -> None:
        """Add an info; `message` is without the prefix `PromQL info: `."""
        self._infos[message] = position

    def forced_monotonicity(  # noqa: PLR0917 # what one histogram's mending is told by
        self,
        metric_name: str,
        position: Position,
        timestamp_ms: int,
        min_bucket: float,
        max_bucket: float,
        max_difference: float,
    ) -> None:
        """Note that `histogram_quantile` fixed one histogram; upstream merges these to one info."""
        key = _for_metric(
            "input to histogram_quantile needed to be fixed for monotonicity (see https://"
            "prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)",
            metric_name,
        )
        known = self._monotonicity.get(key)
        if known is None:
            self._monotonicity[key] = _Monotonicity(
                position, 1, timestamp_ms, timestamp_ms, min_bucket, max_bucket, max_difference
            )
            return
        known.count += 1
        known.min_timestamp_ms = min(known.min_timestamp_ms, timestamp_ms)
        known.max_timestamp_ms = max(known.max_timestamp_ms, timestamp_ms)
        known.min_bucket = min(known.min_bucket, min_bucket)
        known.max_bucket = max(known.max_bucket, max_bucket)
        known.max_difference = max(known.max_difference, max_difference)

    def warnings(self, query: str, limit: int = 0) -> list[str]:
        """All warnings as texts with `(line:column)`; `limit` 0 is none (the API takes 10)."""
        texts = [f"{WARNING}{m} ({p.at(query)})" for m, p in self._warnings.items()]
        return _limited(texts, limit, "warning")

    def infos(self, query: str, limit: int = 0) -> list[str]:
        """All infos as texts with `(line:column)`; `limit` 0 is none (the API takes 10)."""
        texts = [f"{INFO}{m} ({p.at(query)})" for m, p in self._infos.items()]
        texts += [_monotonicity_text(m, d, query) for m, d in self._monotonicity.items()]
        return _limited(texts, limit, "info")


def _limited(texts: list[str], limit: int, kind: str) -> list[str]:
    if limit and len(texts) > limit:
        return [*texts[:limit], f"{len(texts) - limit} more {kind} annotations omitted"]
    return texts


def _monotonicity_text(message: str, details: _Monotonicity, query: str) -> str:
    buckets = f"{format_g(details.min_bucket)} to {format_g(details.max_bucket)}"
    first, last = _rfc3339(details.min_timestamp_ms), _rfc3339(details.max_timestamp_ms)
    return (
        f"{INFO}{message}, from buckets {buckets}, with a max diff of "
        f"{format_g(details.max_difference, 2)}, over {details.count} samples "
        f"from {first} to {last} ({details.position.at(query)})"
    )


def _rfc3339(timestamp_ms: int) -> str:
    moment = datetime.fromtimestamp(timestamp_ms // 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _for_metric(message: str, metric_name: str) -> str:
    return f"{message} for metric name {quote(metric_name)}" if metric_name else message


# Warnings


def invalid_quantile(quantile: float) -> str:
    return f"quantile value should be between 0 and 1, got {format_g(quantile)}"


def invalid_ratio(ratio: float, capped: float) -> str:
    return (
        f"ratio value should be between -1 and 1, got {format_g(ratio)}, "
        f"capping to {format_g(capped)}"
    )


def bad_bucket_label(metric_name: str, value: str) -> str:
    return _for_metric(
        f'bucket label "le" is missing or has a malformed value of {quote(value)}', metric_name
    )


def mixed_floats_histograms(metric_name: str) -> str:
    return f"encountered a mix of histograms and floats for metric name {quote(metric_name)}"


MIXED_FLOATS_HISTOGRAMS_AGGREGATION = "encountered a mix of histograms and floats for aggregation"


def mixed_classic_native_histograms(metric_name: str) -> str:
    return _for_metric("vector contains a mix of classic and native histograms", metric_name)


def native_histogram_not_counter(metric_name: str) -> str:
    return f"this native histogram metric is not a counter: {quote(metric_name)}"


def native_histogram_not_gauge(metric_name: str) -> str:
    return f"this native histogram metric is not a gauge: {quote(metric_name)}"


def mixed_exponential_custom_histograms(metric_name: str) -> str:
    return (
        "vector contains a mix of histograms with exponential and custom buckets schemas "
        f"for metric name {quote(metric_name)}"
    )


def incompatible_bucket_layout(operator: str) -> str:
    return f"incompatible bucket layout encountered for binary operator {operator}"


def counter_reset_collision(operation: str) -> str:
    """`operation` is `addition`, `subtraction` or `aggregation`."""
    return f"conflicting counter resets during histogram {operation}"


SORT_IN_RANGE_QUERY = (
    "sort is ineffective for range queries since results are always ordered by labels"
)

# Infos


def possible_non_counter(metric_name: str) -> str:
    return (
        "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
        f"{quote(metric_name)}"
    )


def incompatible_types(left: str, operator: str, right: str) -> str:
    """`left` and `right` are `float` or `histogram`."""
    return (
        f"incompatible sample types encountered for binary operator {quote(operator)}: "
        f"{left} {operator} {right}"
    )


def histogram_ignored_in_aggregation(aggregation: str) -> str:
    return f"ignored histogram in {aggregation} aggregation"


def histogram_ignored_in_mixed_range(metric_name: str) -> str:
    return (
        "ignored histograms in a range containing both floats and histograms for metric name "
        f"{quote(metric_name)}"
    )


def native_quantile_nan_result(metric_name: str) -> str:
    return _for_metric(
        "input to histogram_quantile has NaN observations, result is NaN", metric_name
    )


def native_quantile_nan_skew(metric_name: str) -> str:
    return _for_metric(
        "input to histogram_quantile has NaN observations, result is skewed higher", metric_name
    )


def native_fraction_nans(metric_name: str) -> str:
    return _for_metric(
        "input to histogram_fraction has NaN observations, which are excluded from all fractions",
        metric_name,
    )


def mismatched_custom_buckets(operation: str) -> str:
    """`operation` is `addition`, `subtraction` or `aggregation`."""
    return f"mismatched custom buckets were reconciled during {operation}"
