"""Faults of our own code: caught, counted, logged once a place; the application never sees them."""

import logging
from collections import Counter

_logger = logging.getLogger(__name__)
_counts: Counter[str] = Counter()


def report(place: str) -> None:
    """Counts the exception being handled; the first at this place is logged with its traceback.

    For use in an `except Exception` block that then goes on without telemetry. Never raises.
    """
    try:
        _counts[place] += 1
        if _counts[place] == 1:
            _logger.warning(
                "belvedere: telemetry of %s failed and was skipped; the application is unaffected. "
                "Later failures here are counted, not logged.",
                place,
                exc_info=True,  # noqa: LOG014 - the caller is an exception handler
            )
    except Exception:  # noqa: BLE001, S110 - a handler of the application's logging may fail too
        pass


def counts() -> dict[str, int]:
    """How often each place failed, since the process began."""
    return dict(_counts)
