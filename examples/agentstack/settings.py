"""Where the parts of AgentStack are, and where they keep things."""

import os
from dataclasses import dataclass, fields
from functools import cache
from typing import Final

QUEUE: Final = "jobs"
"""The name of the job queue."""
PREFIX: Final = "AGENTSTACK_"
DATABASE_URL: Final = PREFIX + "DATABASE_URL"
LISTENER: Final = PREFIX + "LISTENER"
"""The file descriptor of a socket that a service takes over, instead of opening its own."""
WATCHED: Final = PREFIX + "WATCHED"
"""If set, a service ends when its standard input does: whoever started it has the other end."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is an environment variable in capitals: `AGENTSTACK_GATEWAY_URL` and so on."""

    gateway_url: str = "http://127.0.0.1:8400"
    control_plane_url: str = "http://127.0.0.1:8401"
    runtime_url: str = "http://127.0.0.1:8402"
    model_url: str = "http://127.0.0.1:8403/v1"
    """An API like OpenAI's: by default the service `model`, which needs no network."""
    model_key: str = "any"
    model_seed: str = "0"
    model_speed: str = "4"
    """How many times as fast as a real model the service `model` is."""
    database_url: str = "sqlite:///agentstack.db"
    """The control plane's, as SQLAlchemy writes it: `postgresql+psycopg://user@host/agentstack`."""
    queue_file: str = "agentstack-queue.db"


@cache
def settings() -> Settings:
    """The settings of this process."""
    names = [field.name for field in fields(Settings)]
    given = {name: os.environ.get(PREFIX + name.upper()) for name in names}
    return Settings(**{name: value for name, value in given.items() if value})


def environment(chosen: Settings) -> dict[str, str]:
    """The variables that give these settings to a service."""
    return {PREFIX + f.name.upper(): getattr(chosen, f.name) for f in fields(Settings)}
