"""What can go wrong between a receiver and an exporter.

CollectorError
├── ConfigError     the configuration cannot run; says file, line, key and what was expected
└── ConsumeError    a batch was not accepted
    ├── Retryable   try the same batch again, not before `after_s`
    └── Permanent   the same batch will never be accepted
"""

from pathlib import Path
from typing import Any


class CollectorError(Exception):
    """Any error of the Collector that its user should see as a message, not a traceback."""


class ConfigError(CollectorError):
    """The configuration cannot run."""

    def __init__(
        self,
        message: str,
        *,
        key: str = "",
        file: Path | str | None = None,
        line: int | None = None,
        hint: str = "",
    ) -> None:
        self.message, self.key, self.file, self.line, self.hint = message, key, file, line, hint
        where = ":".join(str(part) for part in (file, line) if part is not None)
        text = ": ".join(part for part in (where, key, message) if part)
        super().__init__(f"{text} ({hint})" if hint else text)


class ConsumeError(CollectorError):
    """A batch was not accepted. The message is fit to be sent to the client."""

    rest: tuple[object, Any] | None = None
    """Of a fan-out: the batch, and the consumer that stands for those that asked for a retry."""


class Retryable(ConsumeError):  # noqa: N818 - the pair Retryable/Permanent is the field's word for it
    """Not now: the batch may be sent again after `after_s` seconds (None: the sender's choice)."""

    def __init__(self, message: str, *, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Permanent(ConsumeError):  # noqa: N818 - the pair Retryable/Permanent is the field's word for it
    """Not ever: sending the batch again cannot help."""
