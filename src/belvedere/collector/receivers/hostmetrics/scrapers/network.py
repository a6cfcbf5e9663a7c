"""`network`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import psutil
from pydantic import Field

from belvedere.collector.receivers.hostmetrics.metric import (
    Definition,
    Measured,
    Value,
    counter,
    up_down,
)
from belvedere.collector.receivers.hostmetrics.scrapers.base import (
    Scraper,
    ScraperConfig,
    passes,
)
from belvedere.collector.receivers.hostmetrics.scrapers.filters import (
    InterfaceFilter,
    matches_of,
)

_FIELDS: Final = (
    ("system.network.dropped", "dropin", "dropout"),
    ("system.network.errors", "errin", "errout"),
    ("system.network.io", "bytes_recv", "bytes_sent"),
    ("system.network.packets", "packets_recv", "packets_sent"),
)
_STATES: Final = (
    *("CLOSE_WAIT", "CLOSE", "CLOSING", "DELETE", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2"),
    *("LAST_ACK", "LISTEN", "SYN_SENT", "SYN_RECV", "TIME_WAIT"),
)
_PSUTIL_STATES: Final = {"FIN_WAIT1": "FIN_WAIT_1", "FIN_WAIT2": "FIN_WAIT_2"}
_CONNTRACK: Final = Path("sys/net/netfilter")


class NetworkConfig(ScraperConfig):
    """`network`."""

    definitions = (
        up_down("system.network.connections", "The number of connections.", "{connections}"),
        counter("system.network.dropped", "The number of packets dropped.", "{packets}"),
        counter("system.network.errors", "The number of errors encountered.", "{errors}"),
        counter("system.network.io", "The number of bytes transmitted and received.", "By"),
        counter("system.network.packets", "The number of packets transferred.", "{packets}"),
        up_down(
            "system.network.conntrack.count", "The count of entries in conntrack table.",
            "{entries}", enabled=False,
        ),
        up_down(
            "system.network.conntrack.max", "The limit for entries in the conntrack table.",
            "{entries}", enabled=False,
        ),
    )  # fmt: skip

    include: InterfaceFilter | None = Field(None, description="Interfaces that are measured.")
    exclude: InterfaceFilter | None = Field(None, description="Interfaces that are not, of those.")

    def build(self) -> Scraper:
        """The scraper."""
        return Network(self)


class Network:
    """Counters of interfaces, and connections by state."""

    def __init__(self, config: NetworkConfig) -> None:
        self._passes = passes(matches_of(config.include), matches_of(config.exclude))

    def scrape(self, wanted: Mapping[str, Definition]) -> Iterable[Measured]:
        values = []
        for device, counts in psutil.net_io_counters(pernic=True, nowrap=False).items():
            if self._passes(device):
                for name, received, sent in _FIELDS:
                    for direction, field in (("receive", received), ("transmit", sent)):
                        attributes = {"device": device, "direction": direction}
                        values.append(Value(name, getattr(counts, field), attributes))
        if "system.network.connections" in wanted:
            values += _connections()
        for name in ("count", "max"):
            if f"system.network.conntrack.{name}" in wanted:
                path = Path(psutil.PROCFS_PATH) / _CONNTRACK / f"nf_conntrack_{name}"
                values.append(Value(f"system.network.conntrack.{name}", int(path.read_text())))
        yield Measured(values)


def _connections() -> Iterator[Value]:
    found = Counter(
        _PSUTIL_STATES.get(connection.status, connection.status)
        for connection in psutil.net_connections("tcp")
    )
    for state in _STATES:
        attributes = {"protocol": "tcp", "state": state}
        yield Value("system.network.connections", found[state], attributes)
