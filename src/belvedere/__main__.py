"""`python -m belvedere` is the command `belvedere`."""

from belvedere.cli.main import main

main()
