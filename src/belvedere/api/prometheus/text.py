"""JSON of texts that hold bytes that are no UTF-8: queries can make such labels."""

from typing import Any

import orjson


def to_json(value: Any) -> bytes:
    """The JSON of a value; what is no UTF-8 in its texts is U+FFFD, as Go's encoders have it."""
    try:
        return orjson.dumps(value)
    except TypeError:  # the rare case is looked for when it has come
        return orjson.dumps(_readable(value))


def _readable(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        case dict():
            return {_readable(key): _readable(below) for key, below in value.items()}
        case list():
            return [_readable(below) for below in value]
        case _:
            return value
