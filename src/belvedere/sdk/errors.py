"""Errors of the SDK.

SettingError        an argument or variable cannot be used; raised by `init` alone, for arguments
MissingExtraError   packages of an extra are not installed; its text says how to install them
"""


class MissingExtraError(ImportError):
    """What was asked for needs an extra that is not installed; the message names the command."""


class SettingError(ValueError):
    """An argument of `belvedere.init` or an `OTEL_*` variable has a value that cannot be used."""
