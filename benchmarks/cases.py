"""`CASES`: which workloads are sent in which ways, how much of each, and what is aimed at."""

from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

from payloads.workload import WORKLOADS, Workload


@dataclass(frozen=True, slots=True)
class Case:
    """One workload sent in one way."""

    workload: Workload
    protocol: str
    gzip: bool
    connections: int

    @property
    def name(self) -> str:
        """As `--only` takes it: `traces-grpc-8`, `logs300-http-gzip-1`, ..."""
        parts = [self.workload.name, self.protocol, "gzip" if self.gzip else "", self.connections]
        return "-".join(str(part) for part in parts if part)

    @property
    def is_main(self) -> bool:
        """Measured in full: also the delay, the bytes on disk, and against the floors."""
        return self.protocol == "grpc" and not self.gzip and self.connections == 8


CASES: Final = tuple(
    Case(workload, protocol, gzip, connections)
    for workload in WORKLOADS.values()
    for protocol in ("grpc", "http")
    for gzip in (False, True)
    for connections in (8, 1)
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How long the parts of a run take, at the usual speed of each workload."""

    main_s: float
    """Sending as fast as possible, in a main case."""
    other_s: float
    """The same in other cases."""
    delay_s: float
    """Sending at half that speed."""
    idle_s: float
    """Doing nothing."""

    def requests(self, case: Case) -> int:
        """How many are sent as fast as possible."""
        return _requests(case.workload, self.main_s if case.is_main else self.other_s)

    def paced_requests(self, case: Case) -> int:
        """How many are there for the measurement of the delay."""
        return _requests(case.workload, self.delay_s / 2) if case.is_main else 0


QUICK: Final = Sizes(main_s=0.5, other_s=0.5, delay_s=1.0, idle_s=2.0)
DEFAULT: Final = Sizes(main_s=10.0, other_s=3.0, delay_s=8.0, idle_s=10.0)


def select(patterns: list[str], *, full: bool, quick: bool) -> list[Case]:
    """The cases whose names match; without patterns those of the chosen extent."""
    if patterns:
        return [case for case in CASES if any(fnmatch(case.name, each) for each in patterns)]
    return [
        case
        for case in CASES
        if full or case.is_main or (case.workload.name == "traces" and not quick)
    ]


def _requests(workload: Workload, seconds: float) -> int:
    return max(5, round(seconds * workload.usual_per_s / workload.records_per_request))


TARGETS_PER_S: Final = {"traces": 150_000, "logs300": 200_000, "metrics": 500_000}
"""Records acknowledged and queryable, over gRPC, uncompressed, on 8 connections."""
TARGET_DELAY_P99_S: Final = 2.0
TARGET_BYTES_PER_SPAN: Final = 60
TARGET_IDLE_RSS_BYTES: Final = 350 << 20
TARGET_IDLE_CORE: Final = 0.01
TARGET_START_S: Final = 3.0
