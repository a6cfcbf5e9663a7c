"""Errors of the SDK.

SettingError   an argument or variable cannot be used; raised by `init` alone, for arguments
"""


class SettingError(ValueError):
    """An argument of `belvedere.init` or an `OTEL_*` variable has a value that cannot be used."""
