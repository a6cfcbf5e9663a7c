"""Any Python value → a JSON tree whose texts are cleaned, of bounded size."""

import base64
import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice

from belvedere.sdk.agents.bounded_json import MAX_DEPTH, Json
from belvedere.sdk.agents.redaction import is_secret_field, mark

_SCAN_FACTOR = 16  # texts are cleaned up to this many times the bytes that can be kept
BORDER = 600
"""Characters before a cut that may hold the first part of a secret.

A secret of which a cut leaves fewer characters than this may no longer match its pattern.
"""


def sound(text: str) -> str:
    """`text` without lone surrogates: one of them would make a whole OTLP request fail."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


_CARDS = range(10**14, 10**16)  # numbers that may be those of payment cards


class Plain:
    """Converts one value.

    At most `max_bytes` nodes and 16 times as many characters are looked at: more could not be kept
    anyway.

    A text is cleaned before it is cut to its final length, so that a secret that a cut divides is
    still recognised.
    """

    def __init__(self, clean: Callable[[str], str], max_bytes: int) -> None:
        self._clean = clean
        self._max_characters = max_bytes
        self._characters_left = max_bytes * _SCAN_FACTOR
        self._nodes_left = max_bytes

    def convert(self, value: object, depth: int = 0) -> Json:
        """The tree of `value`. Raises what the cleaning callable raises."""
        self._nodes_left -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self._number(value)
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes | bytearray):
            return self._bytes(bytes(value[: self._max_characters]))
        return self._container(value, depth) if depth < MAX_DEPTH else "[nested too deeply]"

    def text(self, text: str) -> str:
        """`text` cleaned; of a text that is too long the beginning, with a mark.

        The last characters of what is cleaned are not kept, since a secret that reaches beyond
        them is not recognised.
        """
        room = min(2 * self._max_characters, max(self._characters_left, 0))
        self._characters_left -= len(text)
        if len(text) <= room:
            return self._clean(sound(text))
        head = self._clean(sound(text[: room + BORDER]))
        head = head[: min(room, max(len(head) - BORDER, 0))]
        return f"{head}…[{max(len(text) - len(head), 0)} characters cut]"

    def _bytes(self, value: bytes) -> str:
        """As base64; a text that has secrets, as the cleaned text."""
        text = value.decode("latin-1")
        cleaned = self._clean(text)
        return self.text(base64.b64encode(value).decode()) if cleaned == text else cleaned

    def _number(self, value: float) -> Json:
        if not isinstance(value, int):
            return _finite(value)
        if abs(value) >= 1 << 64:
            return "[integer of over 64 bits]"
        value = int(value)
        if value in _CARDS and (cleaned := self._clean(str(value))) != str(value):
            return cleaned
        return value

    def _container(self, value: object, depth: int) -> Json:
        if isinstance(value, Mapping):
            return self._object(value.items(), depth)
        if isinstance(value, list | tuple | AbstractSet):
            return self._list(value, depth)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = (field.name for field in dataclasses.fields(value))
            return self._object(((name, getattr(value, name, None)) for name in fields), depth)
        if hasattr(type(value), "model_fields"):  # pydantic: the clients' requests and responses
            return self._object(vars(value).items(), depth)
        return self.text(repr(value))

    def _object(self, members: Iterable[tuple[object, object]], depth: int) -> Json:
        tree: dict[str, Json] = {}
        rest = iter(members)
        for name, value in islice(rest, max(self._nodes_left, 0)):
            field = self.text(name if isinstance(name, str) else repr(name))
            if value is not None and is_secret_field(field):
                tree[field] = mark("secret")
            else:
                tree[field] = self.convert(value, depth + 1)
        if gone := sum(1 for _ in rest):
            tree["members_cut"] = gone
        return tree

    def _list(self, items: Iterable[object], depth: int) -> Json:
        rest = iter(items)
        kept = [self.convert(item, depth + 1) for item in islice(rest, max(self._nodes_left, 0))]
        if gone := sum(1 for _ in rest):
            kept.append({"type": "cut", "items": gone})
        return kept


def same(tree: object, value: object) -> bool:
    """Whether `tree` is all of `value`, as `Plain` converts it, with nothing cleaned or cut."""
    if isinstance(value, str | bool | int | None):
        return tree == value
    if isinstance(value, float):
        return tree == _finite(value)
    if isinstance(value, bytes | bytearray):
        return tree == base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return (
            isinstance(tree, Mapping)
            and tree.keys() == value.keys()
            and all(same(tree[key], each) for key, each in value.items())
        )
    return (
        isinstance(value, Sequence)
        and isinstance(tree, Sequence)
        and len(tree) == len(value)
        and all(map(same, tree, value))
    )


def _finite(value: float) -> Json:
    return float(value) if math.isfinite(value) else str(float(value))


def parsed(text: object) -> object:
    """The value of a JSON text (tool arguments come as such), or the text itself."""
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
