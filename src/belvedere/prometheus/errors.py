"""What can be wrong with Prometheus's data.

PrometheusError
├── MalformedError   bytes or text are not in the format that they claim; says where
└── TooLargeError    a message is longer than the limit, compressed or not
"""


class PrometheusError(Exception):
    """Any error of this package, fit to be shown to whoever sent the data."""


class MalformedError(PrometheusError):
    """Data are not in the format that they claim."""

    def __init__(self, message: str, *, line: int | None = None) -> None:
        """Say what is wrong, and in which line of a text (from 1)."""
        self.line = line
        super().__init__(message if line is None else f"line {line}: {message}")


class TooLargeError(PrometheusError):
    """A message is longer than the limit."""
