"""What became of a request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it.

    Attributes:
        rejected: how many of its items the receiver refused (OTLP's partial success).
        reason: why, in the receiver's words.
    """

    rejected: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not delivered, but the same request may be later.

    Attributes:
        reason: what went wrong, for a person.
        after_s: how long the receiver asked to be left alone, if it did.
    """

    reason: str
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Not delivered, and sending the same again is of no use."""

    reason: str


Outcome = Delivered | Retry | Refused
