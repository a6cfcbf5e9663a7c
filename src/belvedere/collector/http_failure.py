"""Why there was no answer, in words that help."""

import os

import httpx

_SAYS_NOTHING = frozenset({"", "All connection attempts failed"})


def why_no_answer(error: httpx.HTTPError) -> str:
    """What httpx says, or where it says nothing, what the operating system said before."""
    cause: BaseException | None = error
    while cause is not None and str(error) in _SAYS_NOTHING:
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower()
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
