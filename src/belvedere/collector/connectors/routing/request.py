"""Conditions on the headers of a request: `request["X-Tenant"] == "acme"`."""

import re
from collections.abc import Callable
from typing import Final

from belvedere.collector.ottl import OttlError
from belvedere.otlp.batch import Batch

_CONDITION: Final = re.compile(
    r'\s*request\["(?P<name>[^"]+)"\]\s*(?P<is>==|!=)\s*"(?P<value>.*)"\s*'
)


def request_condition(text: str) -> Callable[[Batch], bool]:
    """Compile a condition.

    Returns:
        Whether one of the header's values is (or, with `!=`, is not) the one; without the
        header, it does not hold either way, as in the Collector.

    Raises:
        OttlError: it has another form.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise OttlError(
            f'{text!r} is no condition on a request; write request["X-Header"] == "value", or !='
        )
    name, value, equal = match["name"].lower(), match["value"], match["is"] == "=="
    return lambda batch: any((each == value) is equal for each in batch.metadata.get(name, ()))
