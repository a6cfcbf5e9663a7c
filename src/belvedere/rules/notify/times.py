"""Times in messages."""

from datetime import UTC, datetime


def rfc3339(time_ms: int) -> str:
    """A time of Unix milliseconds, with milliseconds where there are some."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds" if time_ms % 1000 else "seconds").replace(
        "+00:00", "Z"
    )
