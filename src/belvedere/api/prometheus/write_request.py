"""What a remote write holds, and what of it can be stored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from belvedere.api.prometheus.family import FamilyMemory
from belvedere.otlp.density import check_density
from belvedere.prometheus.model import NAME, Metadata, Series
from belvedere.prometheus.points import MAX_TIME_MS, MIN_TIME_MS, encode_points
from belvedere.prometheus.remote_write import v1, v2
from belvedere.prometheus.remote_write.plain import read_plain
from belvedere.prometheus.remote_write.snappy import decompress

_MAX_REPORTED: Final = 3


@dataclass(frozen=True, slots=True)
class Written:
    """What a request held that can be stored, and what is said of the rest."""

    points: bytes
    samples: int
    histograms: int = 0
    exemplars: int = 0
    problems: Sequence[str] = ()
    lost: int = 0
    """Samples and histograms of series that cannot be stored."""

    @property
    def headers(self) -> dict[str, str]:
        """2.0's response headers."""
        counts = {
            "Samples": self.samples,
            "Histograms": self.histograms,
            "Exemplars": self.exemplars,
        }
        return {
            f"X-Prometheus-Remote-Write-{kind}-Written": str(count)
            for kind, count in counts.items()
        }


NOTHING_WRITTEN: Final = Written(b"", 0)


def read_v1(body: bytes, project: str, memory: FamilyMemory) -> Written:
    """Read a request of version 1.0, whose families `memory` learns.

    Raises:
        PrometheusError, TooLarge: if the body is not a write request, or too large.
    """
    return _read_v1(body, project, memory)[0]


def read_v1_with(
    body: bytes, project: str, known: Sequence[Metadata]
) -> tuple[Written, list[Metadata]]:
    """The same, and the families in the request, in a process without the memory."""
    memory = FamilyMemory()
    memory.learn(project, known)
    return _read_v1(body, project, memory)


def read_v2(body: bytes) -> Written:
    """Read a request of version 2.0.

    Raises:
        PrometheusError, TooLarge: if the body is not a write request, or too large.
    """
    data = decompress(body)
    check_density(data)
    return _storable(v2.decode(data))


def _read_v1(body: bytes, project: str, memory: FamilyMemory) -> tuple[Written, list[Metadata]]:
    data = decompress(body)
    check_density(data)
    if plain := read_plain(data, lambda name: memory.of(project, name)):
        return Written(plain.points, plain.samples), []
    series, families = v1.decode(data)
    memory.learn(project, families)
    return _storable([memory.known(project, each) for each in series]), families


def _storable(several: Sequence[Series]) -> Written:
    """The series that can be stored; the others are reported, up to three."""
    good: list[Series] = []
    problems: list[str] = []
    bad = lost = 0
    for series in several:
        problem = _problem(series)
        if not problem:
            good.append(replace(series, labels=tuple(sorted(series.labels))))
            continue
        bad += 1
        lost += len(series.samples) + len(series.histograms)
        if bad <= _MAX_REPORTED:
            problems.append(problem)
    if bad > _MAX_REPORTED:
        problems.append(f"and {bad - _MAX_REPORTED} series more")
    return Written(
        encode_points(good),
        sum(len(series.samples) for series in good),
        sum(len(series.histograms) for series in good),
        sum(len(series.exemplars) for series in good),
        problems,
        lost,
    )


def _problem(series: Series) -> str:
    """Why a series cannot be stored; empty where it can."""
    if not series.name:
        return f"a series has no {NAME}: {dict(series.labels)}"
    times = (*(time for time, _ in series.samples), *(time for time, _ in series.histograms))
    if times and not MIN_TIME_MS <= min(times) <= max(times) <= MAX_TIME_MS:
        return f"{series.name} has a sample outside of the years 1900 to 2299"
    return ""
