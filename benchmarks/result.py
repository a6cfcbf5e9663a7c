"""What is measured."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """Whether nothing was lost, and nothing came twice."""

    sent: int
    acknowledged: int
    stored: int
    different: int
    """Different sequence numbers among them, of those that were sent."""

    @property
    def passed(self) -> bool:
        """All four are one number."""
        return self.sent == self.acknowledged == self.stored == self.different


@dataclass(frozen=True, slots=True)
class Delay:
    """From the moment a request is sent until a query finds its records."""

    records_per_s: float
    p50_s: float
    p99_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Floor:
    """Less than Belvedere does, with the same bytes."""

    records_per_s: float
    cpu_s_per_million: float


@dataclass(slots=True)
class Result:
    """One case. CPU is the server's, until merges have come to rest, unless said otherwise."""

    case: str
    records: int
    request_bytes: int
    """Of the average request, as it is sent."""
    acknowledged_per_s: float
    queryable_per_s: float
    """From the first request sent until a query finds all records: the age of the last segment
    and its insert are in it."""
    latency_p50_ms: float
    latency_p99_ms: float
    retries: int
    cpu_s_per_million: float
    cpu_s_per_million_until_queryable: float
    sender_cpu_s_per_million: float
    peak_rss_bytes: int
    rss_after_bytes: int
    merged: bool
    """Whether merges came to rest in the time that they had."""
    others_cores: float
    """Cores that were busy with other things meanwhile: neither server nor sender."""
    threads_cpu_s: dict[str, float]
    check: Check
    delay: Delay | None = None
    disk: list[dict[str, Any]] = field(default_factory=list)
    """For each table with rows: rows, bytes, and of these index_bytes."""

    @property
    def bytes_per_record(self) -> float | None:
        """Bytes on disk of all tables of the signal, after merges."""
        if not self.disk:
            return None
        return float(sum(table["bytes"] for table in self.disk)) / self.check.stored


@dataclass(frozen=True, slots=True)
class Idle:
    """A server that nobody uses."""

    first_start_s: float
    """With the making of the tables."""
    start_s: float
    """On the data directory that is there then."""
    rss_bytes: int
    own_bytes: int
    """Memory that no file stands behind: without the code of chDB, which the system can drop."""
    cores: float


@dataclass(slots=True)
class Results:
    """All of a run."""

    machine: dict[str, Any]
    idle: Idle | None = None
    cases: list[Result] = field(default_factory=list)
    parse_floors: dict[str, Floor] = field(default_factory=dict)
    insert_floors: dict[str, Floor] = field(default_factory=dict)
    """By name of the workload."""
