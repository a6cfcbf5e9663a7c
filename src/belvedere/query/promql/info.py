"""`info`: series with the labels of the info metrics that describe them (experimental)."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
import re2

from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.query.matrix import SeriesMatrix
from belvedere.query.promql.errors import ExecutionError
from belvedere.query.promql.matcher import Matcher, MatchOp
from belvedere.query.samples import BoolArray, IntArray, Samples
from belvedere.query.stop import each

# What says which info series describes a series; upstream has these two hard-coded.
_IDENTIFYING: Final = ("instance", "job")
_TARGET_INFO: Final = Matcher(METRIC_NAME, MatchOp.EQUAL, "target_info")
# What conditions on the name are taken to be about if they only exclude names.
_ANY_INFO: Final = Matcher(METRIC_NAME, MatchOp.REGEX, ".+_info")

_NEGATIVE: Final = frozenset((MatchOp.NOT_EQUAL, MatchOp.NOT_REGEX))

# An info metric's name with the values of the identifying labels.
_Key: TypeAlias = tuple[str, ...]
# Times of the newest samples of info series, in seconds, as values.
Times: TypeAlias = Callable[[Samples], SeriesMatrix]


def info(
    base: SeriesMatrix,
    matchers: Sequence[Matcher],
    select: Callable[[tuple[Matcher, ...]], Samples],
    times: Times,
) -> SeriesMatrix:
    """The base series with data labels of matching info series.

    Args:
        base: The series; those that the matchers of `__name__` choose are left as they are.
        matchers: Which info metrics, and which of their labels; none is all of `target_info`.
        select: Reads info series.
        times: When the newest sample of each is from, at each step.

    Raises:
        ExecutionError: info series contradict each other, or are histograms.
    """
    names = [matcher for matcher in matchers if matcher.name == METRIC_NAME]
    if not matchers:
        names = [_TARGET_INFO]
    elif names and all(matcher.op in _NEGATIVE for matcher in names):
        names.append(_ANY_INFO)
    left_alone = np.array(
        [bool(names) and all(m.matches(labels.name) for m in names) for labels in base.labels],
        np.bool_,
    )
    data = [matcher for matcher in matchers if matcher.name != METRIC_NAME]
    identifying = _identifying(base, left_alone)
    newest: dict[_Key, IntArray] = {}
    info_labels: Sequence[Labels] = ()
    if identifying:
        samples = select((*identifying, *data, *(names or [_TARGET_INFO])))
        _refuse_histograms(samples)
        found = times(samples)
        newest, info_labels = _newest(found), found.labels
    return _Enrichment(base, left_alone, data, newest, info_labels).result()


def _identifying(base: SeriesMatrix, left_alone: BoolArray) -> list[Matcher]:
    """What info series must have in common with any of the base series."""
    matchers = []
    for name in _IDENTIFYING:
        values = {
            labels.get(name)
            for labels, alone in zip(base.labels, left_alone.tolist(), strict=True)
            if not alone and labels.get(name)
        }
        if values:
            pattern = "|".join(re2.escape(value) for value in sorted(values))
            matchers.append(Matcher(name, MatchOp.REGEX, pattern))
    return matchers


def _refuse_histograms(samples: Samples) -> None:
    if samples.histograms is None:
        return
    for row, labels in enumerate(samples.labels):
        part = samples.histograms[samples.offsets[row] : samples.offsets[row + 1]]
        if part.astype(np.bool_).any():
            raise ExecutionError(f"this should be an info metric, with float samples: {labels}")


def _key(name: str, labels: Labels) -> _Key:
    return (name, *(labels.get(label) for label in _IDENTIFYING))


def _newest(found: SeriesMatrix) -> dict[_Key, IntArray]:
    """int64[T] by key: the row of the series with the newest sample, -1 where there is none."""
    rows: defaultdict[_Key, list[int]] = defaultdict(list)
    for row, labels in enumerate(found.labels):
        rows[_key(labels.name, labels)].append(row)
    newest = {}
    for key, group in rows.items():
        times = np.where(found.present[group], found.values[group], -np.inf)
        best = times.argmax(axis=0)
        latest = times.max(axis=0)
        clashes = ((times == latest) & found.present[group]).sum(axis=0) > 1
        if clashes.any():
            step = int(clashes.argmax())
            first, second = np.flatnonzero(times[:, step] == latest[step])[:2].tolist()
            at_ms = round(latest[step] * 1000)
            raise ExecutionError(
                f"found duplicate series for info metric: existing {found.labels[group[first]]} "
                f"@ {at_ms}, new {found.labels[group[second]]} @ {at_ms}"
            )
        newest[key] = np.where(np.isneginf(latest), -1, np.array(group)[best])
    return newest


class _Enrichment:
    """Base series and what describes them."""

    def __init__(
        self,
        base: SeriesMatrix,
        left_alone: BoolArray,
        data: Sequence[Matcher],
        newest: dict[_Key, IntArray],
        info_labels: Sequence[Labels],
    ) -> None:
        self._base, self._left_alone = base, left_alone
        self._wanted = {matcher.name for matcher in data}
        self._required = any(not matcher.matches("") for matcher in data)
        self._newest, self._info_labels = newest, info_labels
        self._names = sorted({key[0] for key in newest})

    def result(self) -> SeriesMatrix:
        rows: list[int] = []
        labels: list[Labels] = []
        masks: list[BoolArray] = []
        for row in each(range(len(self._base.labels))):
            for found, mask in self._described(row):
                rows.append(row)
                labels.append(found)
                masks.append(mask)
        chosen = self._base.take(np.array(rows, np.int64))
        present = np.array(masks, np.bool_).reshape(chosen.present.shape)
        histograms = None
        if chosen.histograms is not None:
            histograms = np.full(present.shape, None, np.object_)
            histograms[present] = chosen.histograms[present]
        return SeriesMatrix.of(labels, chosen.values, present, histograms)

    def _described(self, row: int) -> list[tuple[Labels, BoolArray]]:
        """The names of a series, each with the steps at which it has that name."""
        base, present = self._base.labels[row], self._base.present[row]
        if self._left_alone[row]:
            return [(base, present)]
        keys = [key for name in self._names if (key := _key(name, base)) in self._newest]
        if not keys:
            return [] if self._required else [(base, present)]
        table = np.array([self._newest[key] for key in keys])
        described = []
        for combination in np.unique(table[:, present], axis=1).T:
            infos = [self._info_labels[at] for at in combination.tolist() if at >= 0]
            if infos or not self._required:
                mask = present & (table == combination[:, None]).all(axis=0)
                described.append((self._with_data(base, infos), mask))
        return described

    def _with_data(self, base: Labels, infos: Sequence[Labels]) -> Labels:
        added: dict[str, str] = {}
        for labels in infos:
            for name, value in labels.items():
                if name == METRIC_NAME or (self._wanted and name not in self._wanted):
                    continue
                if added.get(name, value) != value:
                    raise ExecutionError(f"conflicting label: {name}")
                if name not in base:
                    added[name] = value
        return Labels({**base.to_dict(), **added})
