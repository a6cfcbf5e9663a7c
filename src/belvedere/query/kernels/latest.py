"""What an instant selector sees: the newest sample within the look-back."""

import numpy as np

from belvedere.query.kernels.windows import positions
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.samples import BoolArray, IntArray, Samples, is_stale


def latest(samples: Samples, times_ms: IntArray, lookback_ms: int) -> SeriesMatrix:
    """The newest sample in `(t - lookback, t]` of each series, for each time.

    A stale marker as newest sample makes the series missing there.

    Args:
        samples: S series, stale markers in.
        times_ms: int64[T], ascending: the steps less the offset, or the @ time at each step.
        lookback_ms: The look-back, at least 0.

    Returns:
        S series (those without any sample included) on T steps, names not removed.
    """
    newest, present = latest_indexes(samples, times_ms, lookback_ms)
    histograms = None
    if samples.histograms is not None and newest.size:
        picked = samples.histograms[newest] if samples.values.size else np.empty(newest.shape, "O")
        picked[~present] = None
        histograms = picked if picked.astype(np.bool_).any() else None
    values = samples.values[newest] if samples.values.size else np.zeros(newest.shape)
    return SeriesMatrix.of(samples.labels, values, present, histograms)


def latest_timestamps(samples: Samples, times_ms: IntArray, lookback_ms: int) -> SeriesMatrix:
    """As `latest`, with the times of the samples, in seconds, as values: `timestamp(metric)`."""
    return _latest_times(samples, samples.timestamps_ms, times_ms, lookback_ms)


def latest_starts(samples: Samples, times_ms: IntArray, lookback_ms: int) -> SeriesMatrix:
    """As `latest`, with the start times of the samples: `start_timestamp(metric)`.

    A start time that is unknown is 0, as upstream.
    """
    starts_ms = samples.starts_ms
    if starts_ms is None:
        starts_ms = np.zeros_like(samples.timestamps_ms)
    return _latest_times(samples, starts_ms, times_ms, lookback_ms)


def _latest_times(
    samples: Samples, of_samples_ms: IntArray, times_ms: IntArray, lookback_ms: int
) -> SeriesMatrix:
    newest, present = latest_indexes(samples, times_ms, lookback_ms)
    if not of_samples_ms.size:
        return SeriesMatrix.of(samples.labels, np.zeros(newest.shape), present)
    return SeriesMatrix.of(samples.labels, of_samples_ms[newest] / 1000.0, present)


def latest_indexes(
    samples: Samples, times_ms: IntArray, lookback_ms: int
) -> tuple[IntArray, BoolArray]:
    """Where the newest samples stand.

    Returns:
        int64[S, T] indexes into the flat arrays (0 where there is none), and bool[S, T]
        whether there is a sample that is no stale marker.
    """
    newest = positions(samples, times_ms) - 1
    present = newest >= samples.offsets[:-1, None]
    newest[~present] = 0
    if samples.timestamps_ms.size:
        present &= samples.timestamps_ms[newest] > times_ms - lookback_ms
        present &= ~is_stale(samples.values)[newest]
    newest[~present] = 0
    return newest, present
