"""What became of an agent run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """An agent run that ended."""

    trace_id: str
    failed: bool
