"""`belvedere collector`: the Collector alone, and what can be learnt about its configuration.

command.py     the command, which runs it
sources.py     configurations as the command line names them
validate.py    belvedere collector validate
components.py  belvedere collector components
graph.py       belvedere collector graph
"""

from belvedere.cli.collector.command import collector
from belvedere.cli.collector.components import components
from belvedere.cli.collector.graph import graph
from belvedere.cli.collector.validate import validate

SUBCOMMANDS = (validate, components, graph)

__all__ = ["SUBCOMMANDS", "collector"]
