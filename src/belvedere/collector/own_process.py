"""This process, as the operating system counts it."""

from typing import Final

import psutil

OWN_PROCESS: Final = psutil.Process()
"""Made before `root_path` of the receiver `host_metrics` lets psutil see another machine's
processes, among which is none with our number, or a wrong one."""
