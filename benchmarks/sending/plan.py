"""What a sender is told, and what it tells."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Self

from belvedere.otlp.signal import Signal
from payloads.file import Payload


@dataclass(frozen=True, slots=True)
class Plan:
    """Which requests are sent, how, and where."""

    signal: Signal
    protocol: str
    """`grpc` or `http`."""
    gzip: bool
    """Whether the requests of the payload are in gzip."""
    connections: int
    host: str
    port: int
    payload: Payload
    first: int
    """Index of the first request."""
    count: int
    replayed: int = 0
    """So many requests of the payload are sent over and over; 0: each one once."""
    requests_per_s: float = 0.0
    """0: as fast as they are acknowledged."""
    timeout_s: float = 30.0
    """For one request; a run with a longer one has failed."""

    def to_json(self) -> str:
        """For the command line of the process."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        fields["signal"] = Signal(fields["signal"])
        fields["payload"] = Payload(**fields["payload"])
        return cls(**fields)


@dataclass(slots=True)
class Sent:
    """How it went. Times are of the machine's monotonic clock, which all processes share."""

    sent_s: list[float]
    """When each request was sent first, in order of the requests."""
    acknowledged_s: list[float]
    """When each was acknowledged."""
    retries: int
    rejected: int
    """Records that the server took out of requests (partial success)."""
    cpu_s: float
    """CPU time of the sender from the first request to the last answer."""

    @property
    def duration_s(self) -> float:
        """From the first request to the last answer."""
        return max(self.acknowledged_s) - min(self.sent_s)

    def latencies_ms(self) -> list[float]:
        """From request to answer, retries included."""
        pairs = zip(self.sent_s, self.acknowledged_s, strict=True)
        return [(acknowledged - sent) * 1000 for sent, acknowledged in pairs]
