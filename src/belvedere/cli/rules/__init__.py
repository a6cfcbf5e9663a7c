"""`belvedere rules`: Prometheus's rule files checked and tested, without a server.

command.py  the command
check.py    belvedere rules check
test.py     belvedere rules test
"""

from belvedere.cli.rules.check import check
from belvedere.cli.rules.command import rules
from belvedere.cli.rules.test import test

SUBCOMMANDS = (check, test)

__all__ = ["SUBCOMMANDS", "rules"]
