"""JSON text of at most so many bytes, always valid: what is too long is cut inside and marked.

Strings are cut first, all to one length, so that a long document does not push out the question
about it. If that is not enough, lists lose their middle, then objects their later members, then
depth is cut. The marks say how much is gone.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
"""A tree as `json.loads` makes it: finite floats, text without lone surrogates."""

MAX_DEPTH = 32
_SHORTEST = 16  # characters that every cut string keeps
_WORTH_CUTTING = 40  # a mark is about as long: cutting less would lengthen the text


@dataclass(frozen=True, slots=True)
class _Limits:
    characters: int
    items: int
    members: int
    depth: int


def _structures(max_bytes: int) -> Iterator[tuple[int, int, int]]:
    """(items a list, members an object, depth), from generous to nothing."""
    items = max_bytes
    while items > 1:
        yield items, max(64, items), MAX_DEPTH
        items //= 2
    for members in (64, 16, 4, 2, 1):
        yield 1, members, MAX_DEPTH
    for depth in (8, 4, 2, 1, 0):
        yield 1, 1, depth


def _cut_text(text: str, characters: int) -> str:
    gone = len(text) - characters
    return text if gone < _WORTH_CUTTING else f"{text[:characters]}…[{gone} characters cut]"


def _cut_list(items: Sequence[Json], limits: _Limits, depth: int) -> Json:
    if depth >= limits.depth:
        return {"type": "cut", "items": len(items)} if items else []
    gone = len(items) - limits.items
    if gone <= 0:
        return [_cut(item, limits, depth + 1) for item in items]
    tail = limits.items // 2
    head = limits.items - tail
    kept: list[Json] = [_cut(item, limits, depth + 1) for item in items[:head]]
    kept.append({"type": "cut", "items": gone})
    kept.extend(_cut(item, limits, depth + 1) for item in items[len(items) - tail :])
    return kept


def _cut_object(members: Mapping[str, Json], limits: _Limits, depth: int) -> Json:
    if depth >= limits.depth:
        return {"type": "cut", "members": len(members)} if members else {}
    kept: dict[str, Json] = {}
    for name, value in members.items():
        if len(kept) >= limits.members:
            break
        kept[_cut_text(name, limits.characters)] = _cut(value, limits, depth + 1)
    gone = len(members) - len(kept)
    if gone:
        kept["members_cut"] = gone
    return kept


def _cut(value: Json, limits: _Limits, depth: int = 0) -> Json:
    if isinstance(value, str):
        return _cut_text(value, limits.characters)
    if isinstance(value, Mapping):
        return _cut_object(value, limits, depth)
    if isinstance(value, Sequence):
        return _cut_list(value, limits, depth)
    return value


def _encode(value: Json, limits: _Limits, max_bytes: int) -> str | None:
    """The text under these limits, or `None` if it is too long."""
    text = json.dumps(
        _cut(value, limits), ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    # No text has fewer bytes than characters: most that is too long is known without encoding it.
    return text if len(text) <= max_bytes and len(text.encode()) <= max_bytes else None


def encode(value: Json, max_bytes: int) -> str | None:
    """`value` as JSON of at most `max_bytes` bytes of UTF-8.

    Returns:
        Valid JSON, cut and marked where needed; an empty text, list or object where not even the
        marks have room; `None` below 2 bytes, which hold no JSON of a text.
    """
    if max_bytes < len('""'):
        return None
    text = _encode(value, _Limits(max_bytes, max_bytes, max_bytes, MAX_DEPTH), max_bytes)
    if text is not None:
        return text
    for items, members, depth in _structures(max_bytes):
        text = _encode(value, _Limits(_SHORTEST, items, members, depth), max_bytes)
        if text is None:
            continue
        characters = max_bytes
        while characters > _SHORTEST:
            longer = _encode(value, _Limits(characters, items, members, depth), max_bytes)
            if longer is not None:
                return longer
            characters //= 2
        return text
    if isinstance(value, Mapping):
        return "{}"
    return '""' if isinstance(value, str) or not isinstance(value, Sequence) else "[]"
