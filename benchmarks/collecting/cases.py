"""`CASES`: what is sent through which pipeline, and how much of it."""

from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

from collecting.pipelines import PIPELINES, Pipeline
from payloads.workload import WORKLOADS, Workload

SMALL: Final = 512
LARGE: Final = 8192
SIZES: Final = (SMALL, LARGE)
_CONNECTIONS: Final = {SMALL: 64, LARGE: 8}
"""Small requests need many, as each connection waits for the answer to its last one."""
_WORKLOADS: Final = ("traces", "logs300", "logs1k")


@dataclass(frozen=True, slots=True)
class Case:
    """One workload through one pipeline."""

    pipeline: Pipeline
    workload: Workload
    items_per_request: int
    protocol: str = "grpc"
    """By which the Collector gets its requests; it sends by gRPC."""
    gzip: bool = False
    """Whether requests are compressed, on both sides."""

    @property
    def name(self) -> str:
        """As `--only` takes it: `pass-traces-512`, `pass-traces-512-http-gzip`, ..."""
        parts = [self.pipeline.name, self.workload.name, str(self.items_per_request)]
        parts += [self.protocol] if self.protocol != "grpc" else []
        return "-".join(parts + (["gzip"] if self.gzip else []))

    @property
    def connections(self) -> int:
        """Of the sender, each with one request under way."""
        return _CONNECTIONS[self.items_per_request]

    def requests(self, seconds: float) -> int:
        """About how many a Collector takes in that time."""
        return max(16, round(seconds * _USUAL_PER_S / self.items_per_request))


_USUAL_PER_S: Final = 250_000

CASES: Final = tuple(
    Case(pipeline, WORKLOADS[name], size)
    for pipeline in PIPELINES.values()
    for name in _WORKLOADS
    if WORKLOADS[name].signal in pipeline.signals
    for size in SIZES
) + tuple(
    Case(PIPELINES["pass"], WORKLOADS["traces"], size, "http", gzip)
    for size in SIZES
    for gzip in (False, True)
)


def select(patterns: list[str], *, quick: bool) -> list[Case]:
    """The cases whose names match; without patterns all, or with `quick` one of each pipeline."""
    if patterns:
        return [case for case in CASES if any(fnmatch(case.name, each) for each in patterns)]
    if quick:
        return [
            case
            for case in CASES
            if (case.workload.name, case.items_per_request) == ("traces", SMALL)
            and case.protocol == "grpc"
        ]
    return list(CASES)
