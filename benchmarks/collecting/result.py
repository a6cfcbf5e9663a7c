"""What is measured of a Collector in one case."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """CPU time is that of the Collector's process, all threads, user and system."""

    case: str
    collector: str
    items: int
    cpu_s: float
    duration_s: float
    """From the first request until the sink has all."""
    peak_rss_bytes: int
    retries: int
    arrived: int

    @property
    def per_core_s(self) -> float:
        """Items a second of CPU time."""
        return self.items / self.cpu_s

    @property
    def cpu_s_per_million(self) -> float:
        """Seconds of CPU time for a million items."""
        return self.cpu_s / self.items * 1e6

    @property
    def lost(self) -> int:
        """What was acknowledged and did not arrive."""
        return self.items - self.arrived
