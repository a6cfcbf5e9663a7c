"""`cpu` and `load`."""

from collections.abc import Iterable, Mapping

import psutil
from pydantic import Field

from belvedere.collector.receivers.hostmetrics.metric import (
    Definition,
    Measured,
    Value,
    counter,
    gauge,
    up_down,
)
from belvedere.collector.receivers.hostmetrics.scrapers.base import Scraper, ScraperConfig

_STATES = {
    "user": "user",
    "system": "system",
    "idle": "idle",
    "interrupt": "irq",
    "nice": "nice",
    "softirq": "softirq",
    "steal": "steal",
    "wait": "iowait",
}
"""State → psutil's field; a platform has some of them."""


class CpuConfig(ScraperConfig):
    """`cpu`."""

    definitions = (
        counter("system.cpu.time", "Total seconds each logical CPU spent on each mode.", "s"),
        gauge(
            "system.cpu.utilization",
            "Share of the time since the last scrape that each logical CPU spent on each mode.",
            "1",
            enabled=False,
        ),
        gauge("system.cpu.frequency", "Current frequency of the CPU core.", "Hz", enabled=False),
        up_down(
            "system.cpu.logical.count", "Number of available logical CPUs.", "{cpu}", enabled=False
        ),
        up_down(
            "system.cpu.physical.count", "Number of available physical CPUs.", "{cpu}",
            enabled=False,
        ),
    )  # fmt: skip

    def build(self) -> Scraper:
        """The scraper."""
        return Cpu()


class Cpu:
    """Remembers the times before, for shares."""

    def __init__(self) -> None:
        self._before: dict[str, dict[str, float]] = {}

    def scrape(self, wanted: Mapping[str, Definition]) -> Iterable[Measured]:
        values = []
        for number, times in enumerate(psutil.cpu_times(percpu=True)):
            cpu, now = f"cpu{number}", {s: getattr(times, f, None) for s, f in _STATES.items()}
            known = {state: float(seconds) for state, seconds in now.items() if seconds is not None}
            values += _values("system.cpu.time", cpu, known)
            values += _values("system.cpu.utilization", cpu, self._shares(cpu, known))
        if "system.cpu.frequency" in wanted:
            for number, frequency in enumerate(psutil.cpu_freq(percpu=True) or ()):
                hertz = float(frequency.current) * 1e6
                values.append(Value("system.cpu.frequency", hertz, {"cpu": f"cpu{number}"}))
        for kind, is_logical in (("logical", True), ("physical", False)):
            if count := psutil.cpu_count(logical=is_logical):
                values.append(Value(f"system.cpu.{kind}.count", count))
        yield Measured(values)

    def _shares(self, cpu: str, now: dict[str, float]) -> dict[str, float]:
        before, self._before[cpu] = self._before.get(cpu), now
        if before is None:
            return {}
        spent = {state: max(0.0, now[state] - before[state]) for state in now}
        total = sum(spent.values())
        return {state: seconds / total for state, seconds in spent.items()} if total else {}


def _values(name: str, cpu: str, by_state: Mapping[str, float]) -> list[Value]:
    return [Value(name, number, {"cpu": cpu, "state": s}) for s, number in by_state.items()]


class LoadConfig(ScraperConfig):
    """`load`."""

    definitions = tuple(
        gauge(
            f"system.cpu.load_average.{minutes}m",
            f"Average CPU Load over {minutes} minute{'s' if minutes > 1 else ''}.",
            "{thread}",
        )
        for minutes in (1, 5, 15)
    )

    cpu_average: bool = Field(
        False, description="Whether the load is divided by the number of logical CPUs."
    )

    def build(self) -> Scraper:
        """The scraper."""
        return Load(divisor=(psutil.cpu_count() or 1) if self.cpu_average else 1)


class Load:
    """The run queue's averages."""

    def __init__(self, divisor: int) -> None:
        self._divisor = divisor

    def scrape(self, wanted: Mapping[str, Definition]) -> Iterable[Measured]:
        yield Measured(
            [
                Value(name, load / self._divisor)
                for name, load in zip(
                    (each.name for each in LoadConfig.definitions), psutil.getloadavg(), strict=True
                )
                if name in wanted
            ]
        )
