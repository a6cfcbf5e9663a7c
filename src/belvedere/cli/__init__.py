"""The command line: `belvedere`."""
