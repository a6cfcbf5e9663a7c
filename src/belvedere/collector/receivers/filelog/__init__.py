"""`filelog`: records from files that grow, rotate and are truncated.

globs ─ files ─ splitting ─ reading ─ operators ─ pipeline ─ checkpoints
"""

from belvedere.collector.receivers.filelog.receiver import FileLogReceiver

__all__ = ["FileLogReceiver"]
