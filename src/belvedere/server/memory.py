"""How the C library keeps memory for parsed requests."""

import ctypes
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 16 << 20
"""More than a request needs when parsed, little beside what the database uses."""


def keep_request_memory() -> None:
    """Let glibc keep the memory of one request for the next.

    By default it gives every larger block back to the kernel, and gets it again page by page
    for the next request, which takes longer than parsing it. Elsewhere than on glibc nothing is
    changed.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
