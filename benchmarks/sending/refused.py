"""`Refused`: the server asks to send a request again."""


class Refused(Exception):  # noqa: N818 - it is an answer, not an error
    """A refusal for now."""

    def __init__(self, after_s: float | None) -> None:
        """With the pause that the server asks for, if it does."""
        super().__init__("the server refuses requests, or is not there")
        self.after_s = after_s
