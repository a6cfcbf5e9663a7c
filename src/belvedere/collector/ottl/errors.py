"""What can go wrong with OTTL.

OttlError          a text that cannot be compiled; found when the Collector starts
EvaluationError    a value is not what a function or field takes; found record by record
"""


class OttlError(ValueError):
    """A statement or condition that cannot be compiled.

    A `ValueError`, so that a configuration model that compiles in a validator reports it under
    the key, file and line where the text is written.
    """

    def __init__(self, message: str, text: str = "", at: int = 0) -> None:
        """Say what is wrong at the offset `at` of `text`: `1:23: expected ...` and the line."""
        self.message, self.text, self.at = message, text, at
        super().__init__(_located(message, text, at) if text else message)


class EvaluationError(Exception):
    """A record's values do not fit: a missing attribute where text is needed, text as a number.

    The message may repeat a value; of a long one (a log line of megabytes), the beginning.
    """

    def __init__(self, message: str) -> None:
        long = len(message) > _LONGEST
        super().__init__(f"{message[:_LONGEST]}…" if long else message)


def _located(message: str, text: str, at: int) -> str:
    before = text[:at]
    line = before.count("\n") + 1
    start = before.rfind("\n") + 1
    shown = text[start:].partition("\n")[0]
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}…"
    return f"{line}:{at - start + 1}: {message}, in `{shown}`"


_LONGEST = 300
"""Characters of an evaluation error: it goes to the log, and to clients."""
_SHOWN = 160
"""Characters of a line that an error repeats."""
