"""`AppState`: what the server hands to the API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from belvedere.otlp.batch import DEFAULT_PROJECT
from belvedere.store.database import Database


@dataclass(frozen=True, slots=True)
class AppState:
    """What the API answers from. Owned by the server, which closes the database after the API."""

    database: Database
    default_project: str = DEFAULT_PROJECT
    """The project of requests that name none."""
    tokens: Mapping[str, str] = field(default_factory=dict)
    """Bearer token → the one project it opens. Empty: no token is asked for, all is open."""
    is_ready: Callable[[], bool] = lambda: True
    """Whether data can be received and read. Called often, from the event loop: must not block."""
    status_parts: Callable[[], Mapping[str, Any]] = dict
    """What only the server knows, for `/api/status`: `data_dir`, `listening` (what → address) and
    whatever else is worth saying. Must not block."""
