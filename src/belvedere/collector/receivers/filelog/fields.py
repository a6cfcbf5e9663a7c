"""Fields of an entry, as operators name them: `body.a`, `attributes["log.file.name"]`."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

from belvedere.collector.receivers.filelog.entry import Entry

_KEY: Final = re.compile(r"""\.(?P<name>[^.\[\]]+)|\[(?P<quote>["'])(?P<quoted>.*?)(?P=quote)\]""")
_ROOT: Final = re.compile(r"(body|attributes|resource)(?=[.\[]|$)")


class Missing:
    """There is no such field."""


MISSING: Final = Missing()


@dataclass(frozen=True, slots=True)
class Field:
    """The way to a value in an entry."""

    root: str
    """body, attributes or resource."""
    keys: tuple[str, ...] = ()

    def get(self, entry: Entry) -> Any:
        """The value, or `MISSING`."""
        value = getattr(entry, self.root)
        for key in self.keys:
            if not isinstance(value, dict) or key not in value:
                return MISSING
            value = value[key]
        return value

    def set(self, entry: Entry, value: Any) -> None:
        """Put the value there; what is in the way and no map becomes one.

        A map is merged into the map that is there, but the body as a whole is replaced.

        Raises:
            ValueError: attributes or resource as a whole can only be a map.
        """
        if not self.keys and self.root == "body":
            entry.body = value
            return
        if not self.keys and not isinstance(value, dict):
            raise ValueError(f"{self.root} can only be a map, not {type(value).__name__}")
        keys = self.keys if isinstance(value, dict) else self.keys[:-1]
        holder = getattr(entry, self.root)
        if not isinstance(holder, dict):
            holder = {}
            setattr(entry, self.root, holder)
        for key in keys:
            if not isinstance(holder.get(key), dict):
                holder[key] = {}
            holder = holder[key]
        if isinstance(value, dict):
            holder.update(value)
        else:
            holder[self.keys[-1]] = value

    def delete(self, entry: Entry) -> Any:
        """Take the value out; returns it, or `MISSING`."""
        value = self.get(entry)
        if value is MISSING:
            return MISSING
        if self.keys:
            holder = Field(self.root, self.keys[:-1]).get(entry)
            del holder[self.keys[-1]]
        else:
            setattr(entry, self.root, None if self.root == "body" else {})
        return value

    def __str__(self) -> str:
        return self.root + "".join(f'["{key}"]' for key in self.keys)


def parse_field(text: Any) -> Field:
    """The field that a configuration names.

    Raises:
        ValueError: it names none.

    >>> str(parse_field("body.a.b")), str(parse_field("attributes['x.y']"))
    ('body["a"]["b"]', 'attributes["x.y"]')
    """
    if isinstance(text, Field):
        return text
    root = _ROOT.match(text) if isinstance(text, str) else None
    if root is None:
        raise ValueError(f"{text!r} is no field; write body, attributes.name or resource.name")
    keys, position = [], root.end()
    while position < len(text):
        key = _KEY.match(text, position)
        if key is None:
            raise ValueError(f'{text!r} is no field; write names with dots as ["a.b"]')
        keys.append(key["name"] or key["quoted"])
        position = key.end()
    return Field(root[1], tuple(keys))


FieldPath = Annotated[Field, BeforeValidator(parse_field)]
"""A configuration field that names an entry's field."""
