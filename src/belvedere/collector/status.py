"""What a running Collector tells its components about itself, by `Host.services[ServiceStatus]`."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from belvedere.collector.pipelines import PipelineSettings


class State(StrEnum):
    """Where a service is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(slots=True)
class ServiceStatus:
    """The service that a component belongs to. Components read it; the service writes it."""

    pipelines: Mapping[str, PipelineSettings] = field(default_factory=dict)
    extensions: Sequence[str] = ()
    state: State = State.STARTING
    """RUNNING from the last receiver's start to the first one's stop."""
    since_s: float = field(default_factory=time.time)
    """When it became what it is now, in seconds since 1970."""

    def become(self, state: State) -> None:
        """Change the state, now."""
        self.state, self.since_s = state, time.time()
