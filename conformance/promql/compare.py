"""Results against expectations, with upstream's tolerance."""

import math

import numpy as np

from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.histogram.text import print_histogram
from belvedere.query.labels import Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.result import Result
from belvedere.query.promql.series_notation import Point
from belvedere.query.promql.signatures import ValueType
from belvedere.query.samples import Samples, is_stale
from script import Eval

_EPSILON = 1e-6
_MIN_NORMAL = math.ldexp(1.0, -1022)

Value = float | NativeHistogram
Actual = list[tuple[Labels, dict[int, Value]]]


class Mismatch(Exception):  # noqa: N818 - it is what is reported
    """What is other than expected."""


def almost_equal(left: float, right: float) -> bool:
    stale = is_stale(np.array([left, right]))
    if stale.any():
        return bool(stale.all())
    if left == right or (math.isnan(left) and math.isnan(right)):
        return True
    total, difference = abs(left) + abs(right), abs(left - right)
    if left == 0 or right == 0 or total < _MIN_NORMAL:
        return difference < _EPSILON * _MIN_NORMAL
    return difference / min(total, np.finfo(np.float64).max) < _EPSILON


def points_of(result: Result) -> Actual:
    """The series of a result, each with its samples by time."""
    value = result.value
    if isinstance(value, Samples):
        return _points_of_samples(value)
    if not isinstance(value, SeriesMatrix):
        raise Mismatch(f"expected a vector or a matrix, got a {result.type}")
    times = result.grid.timestamps_ms.tolist()
    found: Actual = []
    for row, labels in enumerate(value.labels):
        points: dict[int, Value] = {}
        for column in np.flatnonzero(value.present[row]).tolist():
            histogram = None if value.histograms is None else value.histograms[row, column]
            number = float(value.values[row, column])
            points[times[column]] = number if histogram is None else histogram
        found.append((labels, points))
    return found


def _points_of_samples(samples: Samples) -> Actual:
    found: Actual = []
    for row, labels in enumerate(samples.labels):
        points: dict[int, Value] = {}
        for at in range(int(samples.offsets[row]), int(samples.offsets[row + 1])):
            histogram = None if samples.histograms is None else samples.histograms[at]
            number = float(samples.values[at])
            points[int(samples.timestamps_ms[at])] = number if histogram is None else histogram
        found.append((labels, points))
    return found


def check_sorted(actual: Actual) -> None:
    keys = [tuple(labels.items()) for labels, _ in actual]
    if keys != sorted(keys):
        raise Mismatch("series of a matrix are not sorted by labels")


def check_annotations(command: Eval, warnings: list[str], infos: list[str]) -> None:
    for kind, texts in (("warn", warnings), ("info", infos)):
        if command.expects(f"no_{kind}") and texts:
            raise Mismatch(f"unexpected {kind}: {texts[0]}")
        expected = command.expectations.get(kind)
        if expected is None:
            continue
        for expectation in expected:
            if not any(expectation.matches(text) for text in texts):
                raise Mismatch(f"expected {kind} {expectation}, got {texts or 'none'}")
        for text in texts:
            if not any(expectation.matches(text) for expectation in expected):
                raise Mismatch(f"unexpected {kind}: {text}")


def check_result(command: Eval, result: Result) -> None:
    if result.type is ValueType.STRING:
        if result.value != command.text:
            raise Mismatch(f"expected string {command.text!r}, got {result.value!r}")
    elif isinstance(result.value, np.ndarray):
        check_scalar(command, float(result.value[0]))
    elif result.type is ValueType.MATRIX:
        check_sorted(points_of(result))
        check_matrix(command, points_of(result))
    else:
        check_vector(command, points_of(result))


def check_scalar(command: Eval, actual: float) -> None:
    if command.scalar is None:
        raise Mismatch(f"expected series, got scalar {actual}")
    if not almost_equal(command.scalar, actual):
        raise Mismatch(f"expected scalar {command.scalar}, got {actual}")


def check_vector(command: Eval, actual: Actual) -> None:
    """Each series has one sample, whatever its time."""
    _check_series(command, actual)
    for position, (labels, points) in enumerate(actual, start=1):
        expected_position, expected = command.series[labels]
        if command.expects("ordered") and position != expected_position:
            raise Mismatch(f"expected {labels} at position {expected_position}, got {position}")
        (value,) = points.values()
        _check_value(str(labels), expected[0], value)


def check_matrix(command: Eval, actual: Actual) -> None:
    _check_series(command, actual)
    for labels, points in actual:
        _, expected = command.series[labels]
        wanted = {
            command.start_ms + index * command.step_ms: point
            for index, point in enumerate(expected)
            if point.value is not None
        }
        if wanted.keys() != points.keys():
            raise Mismatch(
                f"expected samples of {labels} at {sorted(wanted)} ms, got {_shown(points)}"
            )
        for time_ms, point in wanted.items():
            _check_value(f"{labels} at {time_ms} ms", point, points[time_ms])


def _check_series(command: Eval, actual: Actual) -> None:
    if command.scalar is not None:
        raise Mismatch("expected a scalar, got series")
    for labels, points in actual:
        if labels not in command.series:
            raise Mismatch(f"unexpected series {labels}: {_shown(points)}")
    there = {labels for labels, _ in actual}
    if len(there) < len(actual):
        raise Mismatch("a series came twice")
    for labels in command.series:
        if labels not in there:
            raise Mismatch(f"expected series {labels} not found")


def _check_value(what: str, expected: Point, actual: Value) -> None:
    wanted = expected.value
    if isinstance(wanted, NativeHistogram) and isinstance(actual, NativeHistogram):
        if not _same_histogram(wanted, actual, with_hint=expected.hint_is_given):
            raise Mismatch(f"expected {_text(wanted)} for {what}, got {_text(actual)}")
    elif isinstance(wanted, float) and isinstance(actual, float):
        if not almost_equal(wanted, actual):
            raise Mismatch(f"expected {wanted} for {what}, got {actual}")
    else:
        raise Mismatch(f"expected {_text(wanted)} for {what}, got {_text(actual)}")


def _same_histogram(left: NativeHistogram, right: NativeHistogram, *, with_hint: bool) -> bool:
    left, right = left.compact(), right.compact()
    same = (
        left.schema == right.schema
        and left.zero_threshold == right.zero_threshold
        and all(
            almost_equal(getattr(left, name), getattr(right, name))
            for name in ("count", "sum", "zero_count")
        )
        and (not left.is_custom or left.custom_values == right.custom_values)
    )
    for side in ("positive", "negative"):
        ours, theirs = getattr(left, side), getattr(right, side)
        same = same and ours.same_places(theirs)
        same = same and all(map(almost_equal, ours.counts.tolist(), theirs.counts.tolist()))
    return same and (not with_hint or left.counter_reset is right.counter_reset)


def _text(value: Value | None) -> str:
    if not isinstance(value, NativeHistogram):
        return str(value)
    hint = value.counter_reset.name.lower()
    return f"{print_histogram(value)} (schema {value.schema}, {hint})"


def _shown(points: dict[int, Value]) -> str:
    return ", ".join(f"{_text(value)} @ {time} ms" for time, value in points.items())
