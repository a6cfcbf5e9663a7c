"""Requests between services, put together from the spans of both sides."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_TRACE_ID_BYTES: Final = 16


class Connection(StrEnum):
    """What kind of request it is: the label `connection_type`."""

    UNKNOWN = ""
    MESSAGING = "messaging_system"
    DATABASE = "database"
    VIRTUAL = "virtual_node"


@dataclass(slots=True)
class Edge:
    """One request. It is complete when both services are known."""

    key: bytes
    """Trace id and span id of the client; of a server's span without a parent, the trace id."""
    expires_s: float
    client: str = ""
    server: str = ""
    connection: Connection = Connection.UNKNOWN
    failed: bool = False
    client_s: float = 0.0
    server_s: float = 0.0
    dimensions: dict[str, str] = field(default_factory=dict)
    peer: str | None = None
    """What the client's span calls its server."""
    virtual: str = ""
    """The side that sends no spans: `client` or `server`; empty: both do, or it is not known."""

    @property
    def is_complete(self) -> bool:
        """Whether both sides are known."""
        return bool(self.client and self.server)

    @property
    def is_rooted(self) -> bool:
        """Whether the server's span has no parent, so that no client's span will come."""
        return not self.key[_TRACE_ID_BYTES:].strip(b"\0")


class Edges:
    """Edges that wait for their other side, in the order of their arrival."""

    def __init__(
        self,
        ttl_s: float,
        max_items: int,
        now_s: Callable[[], float],
        expire: Callable[[Edge], None],
    ) -> None:
        """Nothing waits yet.

        Args:
            ttl_s: how long an edge waits.
            max_items: how many wait at most.
            now_s: a clock that only goes forward.
            expire: gets each edge whose time is over.
        """
        self._ttl_s, self._max_items, self._now_s, self._expire = ttl_s, max_items, now_s, expire
        self._waiting: OrderedDict[bytes, Edge] = OrderedDict()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def __contains__(self, key: bytes) -> bool:
        """Whether an edge of that key waits."""
        return key in self._waiting

    def find(self, key: bytes) -> Edge:
        """The edge of a key that waits; if there is none, a new one, which does not wait yet."""
        return self._waiting.get(key) or Edge(key, self._now_s() + self._ttl_s)

    def remove(self, edge: Edge) -> None:
        """Let an edge wait no more, if it does."""
        self._waiting.pop(edge.key, None)

    def put(self, edge: Edge) -> bool:
        """Let a new edge wait; False: there is no room for it."""
        if len(self._waiting) >= self._max_items and not self._expire_oldest():
            return False
        self._waiting[edge.key] = edge
        return True

    def expire(self) -> None:
        """Give up those whose time is over."""
        while self._expire_oldest():
            pass

    def drain(self) -> Iterator[Edge]:
        """All of them; none waits after that."""
        while self._waiting:
            yield self._waiting.popitem(last=False)[1]

    def _expire_oldest(self) -> bool:
        for key, edge in self._waiting.items():
            if edge.expires_s > self._now_s():
                return False
            del self._waiting[key]
            self._expire(edge)
            return True
        return False
