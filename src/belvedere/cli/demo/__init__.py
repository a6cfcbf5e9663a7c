"""`belvedere demo`: AgentStack and its users; or agent runs that are only told.

command.py     the command
outcome.py     what became of a run
agentstack.py  the application in examples/agentstack, run

simulation.py  without its packages: runs that are told
plan.py        what happens in a run, by chance
emit.py        a run told as spans, log records and metrics
service.py     an application with an SDK of its own
delivery.py    the exporters, and what became of what they sent
"""

from belvedere.cli.demo.command import demo

__all__ = ["demo"]
