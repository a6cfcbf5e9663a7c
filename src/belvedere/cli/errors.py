"""What a command cannot do.

CliError
└── NoAnswer   the server is not there, or not there yet; a moment later it may be
"""


class CliError(Exception):
    """A command cannot do what it was asked. Its text is one line; `hint` is the next step."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class NoAnswer(CliError):  # noqa: N818 - reads as what is raised
    """The server does not answer."""
