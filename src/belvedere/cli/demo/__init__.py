"""`belvedere demo`: a small load of agent runs, sent through the OpenTelemetry SDK.

plan.py       what happens in a run, by chance
emit.py       a run told as spans, log records and metrics
service.py    an application with an SDK of its own
delivery.py   the exporters, and what became of what they sent
command.py    the command
"""

from belvedere.cli.demo.command import demo

__all__ = ["demo"]
