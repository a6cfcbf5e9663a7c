"""Each kernel equals a plain Python function over the samples of one window."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.query.kernels import edges, extremes, quantile, regression, smoothing, sums, variance
from belvedere.query.kernels.changes import changes, resets
from belvedere.query.kernels.rate import delta, increase, rate
from belvedere.query.kernels.walk import Result
from belvedere.query.kernels.windows import Windows
from belvedere.query.labels import Labels
from belvedere.query.samples import Samples

Points = Sequence[tuple[int, float]]
# Of the points of a window, its end and its length, both in ms; None for no result.
Reference = Callable[[Points, int, int], float | None]

NAN = math.nan
STEPS_MS = np.arange(0, 7, dtype=np.int64) * 20_000 + 60_000
RANGE_MS = 50_000


def values_of(points: Points) -> list[float]:
    return [value for _, value in points]


def kahan(values: Sequence[float]) -> float:
    total = lost = 0.0
    for value in values:
        new = total + value
        if math.isinf(new):
            lost = 0.0
        elif abs(total) >= abs(value):
            lost += (total - new) + value
        else:
            lost += (value - new) + total
        total = new
    return total if math.isinf(total) else total + lost


def extrapolated(
    points: Points, end: int, length: int, *, counter: bool, a_second: bool
) -> float | None:
    if len(points) < 2:
        return None
    first_ms, first = points[0]
    last_ms, last = points[-1]
    result = last - first
    if counter:
        for (_, before), (_, now) in pairwise(points):
            if now < before:
                result += before
    to_start, to_end = (first_ms - (end - length)) / 1000, (end - last_ms) / 1000
    interval = (last_ms - first_ms) / 1000
    average = interval / (len(points) - 1)
    if to_start >= average * 1.1:
        to_start = average / 2
    if counter and result > 0 and first >= 0:
        to_start = min(to_start, interval * (first / result))
    if to_end >= average * 1.1:
        to_end = average / 2
    factor = (interval + to_start + to_end) / interval
    return result * (factor / (length / 1000) if a_second else factor)


def last_two(points: Points, *, counter: bool) -> float | None:
    if len(points) < 2:
        return None
    (before_ms, before), (now_ms, now) = points[-2:]
    difference = now if counter and now < before else now - before
    return difference / ((now_ms - before_ms) / 1000) if counter else difference


def quantile_of(q: float, values: Sequence[float]) -> float:
    if math.isnan(q):
        return NAN
    if not 0 <= q <= 1:
        return math.copysign(math.inf, q)
    ordered = sorted(values, key=lambda v: (not math.isnan(v), 0.0 if math.isnan(v) else v))
    rank = q * (len(ordered) - 1)
    lower = math.floor(rank)
    upper = min(len(ordered) - 1, lower + 1)
    return ordered[lower] * (1 - (rank - lower)) + ordered[upper] * (rank - lower)


def deviation(values: Sequence[float]) -> float:
    if any(map(math.isnan, values)):
        return NAN
    median = quantile_of(0.5, values)
    return quantile_of(0.5, [abs(value - median) for value in values])


def variance_of(values: Sequence[float]) -> float:
    if not all(map(math.isfinite, values)):
        return NAN
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / len(values)


def line(points: Points, origin_ms: int) -> tuple[float, float]:
    values = values_of(points)
    if all(value == values[0] for value in values):
        return (NAN, NAN) if math.isinf(values[0]) else (0.0, values[0])
    if not all(map(math.isfinite, values)):
        return NAN, NAN
    xs = [(at - origin_ms) / 1000 for at, _ in points]
    n = len(points)
    sum_x, sum_y = math.fsum(xs), math.fsum(values)
    sum_xy = math.fsum(x * y for x, y in zip(xs, values, strict=True))
    sum_xx = math.fsum(x * x for x in xs)
    slope = (sum_xy - sum_x * sum_y / n) / (sum_xx - sum_x * sum_x / n)
    return slope, sum_y / n - slope * sum_x / n


def predicted(points: Points, at_ms: int, ahead_s: float) -> float | None:
    if len(points) < 2:
        return None
    slope, intercept = line(points, at_ms)
    return slope * ahead_s + intercept


def holt(values: Sequence[float], sf: float, tf: float) -> float | None:
    if len(values) < 2:
        return None
    before, now, slope = 0.0, values[0], values[1] - values[0]
    for number, value in enumerate(values[1:]):
        if number:
            slope = tf * (now - before) + (1 - tf) * slope
        before, now = now, sf * value + (1 - sf) * (now + slope)
    return now


def extreme(values: Sequence[float], choose: Callable[[list[float]], float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return choose(numbers) if numbers else NAN


def time_of(points: Points, choose: Callable[[list[float]], float]) -> float:
    best = extreme(values_of(points), choose)
    return max(at for at, value in points if value == best or math.isnan(best)) / 1000


def differs(before: float, now: float) -> bool:
    return now != before and not (math.isnan(now) and math.isnan(before))


def neighbours(points: Points, holds: Callable[[float, float], bool]) -> float:
    values = values_of(points)
    return float(sum(map(holds, values, values[1:])))


KERNELS: dict[str, tuple[Callable[[Windows], Result], Reference]] = {
    "rate": (rate, lambda p, end, n: extrapolated(p, end, n, counter=True, a_second=True)),
    "increase": (increase, lambda p, end, n: extrapolated(p, end, n, counter=True, a_second=False)),
    "delta": (delta, lambda p, end, n: extrapolated(p, end, n, counter=False, a_second=False)),
    "irate": (
        lambda windows: edges.last_two(windows, counter=True, per_second=True),
        lambda p, *_: last_two(p, counter=True),
    ),
    "idelta": (
        lambda windows: edges.last_two(windows, counter=False, per_second=False),
        lambda p, *_: last_two(p, counter=False),
    ),
    "sum": (sums.total, lambda p, *_: kahan(values_of(p))),
    "avg": (sums.mean, lambda p, *_: kahan([v / len(p) for v in values_of(p)])),
    "count": (sums.count, lambda p, *_: float(len(p))),
    "stdvar": (variance.variance, lambda p, *_: variance_of(values_of(p))),
    "stddev": (variance.deviation, lambda p, *_: math.sqrt(variance_of(values_of(p)))),
    "min": (extremes.minimum, lambda p, *_: extreme(values_of(p), min)),
    "max": (extremes.maximum, lambda p, *_: extreme(values_of(p), max)),
    "ts_of_min": (extremes.time_of_minimum, lambda p, *_: time_of(p, min)),
    "ts_of_max": (extremes.time_of_maximum, lambda p, *_: time_of(p, max)),
    "ts_of_first": (edges.time_of_first, lambda p, *_: p[0][0] / 1000),
    "ts_of_last": (edges.time_of_last, lambda p, *_: p[-1][0] / 1000),
    "first": (lambda windows: edges.first(windows)[:2], lambda p, *_: p[0][1]),
    "last": (lambda windows: edges.last(windows)[:2], lambda p, *_: p[-1][1]),
    "present": (edges.presence, lambda *_: 1.0),
    "mad": (quantile.median_absolute_deviation, lambda p, *_: deviation(values_of(p))),
    "changes": (changes, lambda p, *_: neighbours(p, differs)),
    "resets": (resets, lambda p, *_: neighbours(p, lambda before, now: now < before)),
    "deriv": (
        regression.derivative,
        lambda p, *_: line(p, p[0][0])[0] if len(p) > 1 else None,
    ),
    "predict": (
        lambda windows: regression.predicted(windows, STEPS_MS, np.full(STEPS_MS.size, 30.0)),
        lambda p, end, _: predicted(p, end, 30.0),
    ),
    "smoothing": (
        lambda windows: smoothing.smoothed(
            windows, np.full(STEPS_MS.size, 0.3), np.full(STEPS_MS.size, 0.6)
        ),
        lambda p, *_: holt(values_of(p), 0.3, 0.6),
    ),
    **{
        f"quantile {q}": (
            lambda windows, q=q: quantile.quantile(windows, np.full(STEPS_MS.size, q)),
            lambda p, *_, q=q: quantile_of(q, values_of(p)),
        )
        for q in (-1.0, 0.0, 0.3, 1.0, 2.0, NAN)
    },
}

numbers = st.one_of(
    st.integers(0, 12).map(float),
    st.floats(-1e6, 1e6).map(lambda value: round(value, 3)),
    st.sampled_from([NAN, 0.0, math.inf, -math.inf]),
)
finite = st.one_of(st.integers(0, 12).map(float), st.floats(0, 1e6))


def series(values: st.SearchStrategy[float]) -> st.SearchStrategy[list[Points]]:
    times = st.lists(st.integers(0, 200), max_size=25, unique=True).map(sorted)
    points = times.flatmap(
        lambda at: st.lists(values, min_size=len(at), max_size=len(at)).map(
            lambda found: [(t * 1000, v) for t, v in zip(at, found, strict=True)]
        )
    )
    return st.lists(points, max_size=4)


def samples_of(data: Sequence[Points]) -> Samples:
    flat = [point for points in data for point in points]
    return Samples(
        [Labels({"series": str(number)}) for number in range(len(data))],
        np.cumsum([0, *map(len, data)]).astype(np.int64),
        np.array([at for at, _ in flat], dtype=np.int64),
        np.array([value for _, value in flat], dtype=np.float64),
    )


@pytest.mark.parametrize("name", KERNELS)
@settings(max_examples=20, deadline=None)
@given(data=series(numbers))
def test_a_kernel_equals_its_reference(name: str, data: list[Points]) -> None:
    kernel, reference = KERNELS[name]
    found, present = kernel(Windows.of(samples_of(data), STEPS_MS, RANGE_MS))
    assert found.shape == present.shape == (len(data), STEPS_MS.size)
    for s, points in enumerate(data):
        for t, end in enumerate(STEPS_MS.tolist()):
            inside = [point for point in points if end - RANGE_MS < point[0] <= end]
            expected = reference(inside, end, RANGE_MS) if inside else None
            assert present[s, t] == (expected is not None)
            if expected is not None:
                assert found[s, t] == pytest.approx(expected, rel=1e-9, abs=1e-6, nan_ok=True)


@settings(max_examples=100, deadline=None)
@given(data=series(finite))
def test_the_rate_of_a_counter_with_resets_is_never_negative(data: list[Points]) -> None:
    windows = Windows.of(samples_of(data), STEPS_MS, RANGE_MS)
    for kernel in (rate, increase):
        found, present = kernel(windows)
        assert (found[present] >= 0).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([1e100, 1.0, -1e100], 1.0, id="what rounding lost is kept"),
        pytest.param([math.inf, 1.0], math.inf, id="infinity"),
        pytest.param([math.inf, -math.inf], NAN, id="both infinities"),
        pytest.param([1e308, 1e308, -1e308], math.inf, id="an overflow stays"),
    ],
)
def test_sums_are_compensated(values: list[float], expected: float) -> None:
    points = [[(1000 * number, value) for number, value in enumerate(values)]]
    found, _ = sums.total(Windows.of(samples_of(points), np.array([10_000]), 20_000))
    assert found[0, 0] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([1e308, 1e308, 1e308], 1e308, id="the sum would overflow"),
        pytest.param([1.7e308, -1.7e308, 1.7e308, 1.7e308], 8.5e307, id="late overflow"),
        pytest.param([math.inf, 1.0], math.inf, id="infinity"),
        pytest.param([math.inf, -math.inf], NAN, id="both infinities"),
        pytest.param([math.inf], math.inf, id="infinity alone"),
    ],
)
def test_means_do_not_overflow(values: list[float], expected: float) -> None:
    points = [[(1000 * number, value) for number, value in enumerate(values)]]
    found, _ = sums.mean(Windows.of(samples_of(points), np.array([10_000]), 20_000))
    assert found[0, 0] == pytest.approx(expected, nan_ok=True)
