"""Editors of maps: they change the pairs where they are."""

from collections.abc import Callable, Iterator
from typing import Any

from belvedere.collector.ottl.closures import Edit, Value
from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.paths import Pairs
from belvedere.collector.ottl.record import Record
from belvedere.collector.ottl.values import read_map, write, write_map
from belvedere.otlp.any_value import text_of


def _keep(pairs: Any, kept: Callable[[str], bool]) -> bool:
    """Delete the pairs whose keys are not kept; whether there was one."""
    gone = [index for index, pair in enumerate(pairs) if not kept(pair.key)]
    for index in reversed(gone):
        del pairs[index]
    return bool(gone)


def delete_key(target: Pairs, key: Value) -> Edit:
    """`delete_key`."""
    get = key.get

    def edit(record: Record) -> bool:
        pairs, name = target(record), get(record)
        for index, pair in enumerate(pairs):
            if pair.key == name:
                del pairs[index]
                return True
        return False

    return edit


def delete_matching_keys(target: Pairs, pattern: Value) -> Edit:
    """`delete_matching_keys`."""

    def edit(record: Record) -> bool:
        search = pattern.get(record).search
        return _keep(target(record), lambda key: search(key) is None)

    return edit


def keep_matching_keys(target: Pairs, pattern: Value) -> Edit:
    """`keep_matching_keys`."""

    def edit(record: Record) -> bool:
        search = pattern.get(record).search
        return _keep(target(record), lambda key: search(key) is not None)

    return edit


def keep_keys(target: Pairs, keys: Value) -> Edit:
    """`keep_keys`."""
    constant = frozenset(keys.constant) if keys.is_constant else None

    def edit(record: Record) -> bool:
        kept = frozenset(keys.get(record)) if constant is None else constant
        return _keep(target(record), kept.__contains__)

    return edit


def limit(target: Pairs, limit: Value, priority_keys: Value) -> Edit:
    """`limit`: the first pairs stay, after those with the keys that have priority."""

    def edit(record: Record) -> bool:
        pairs, most = target(record), limit.get(record)
        priority = frozenset(priority_keys.get(record))
        if len(priority) > most:
            raise EvaluationError(f"{len(priority)} keys have priority, but the limit is {most}")
        if len(pairs) <= most:
            return False
        left = most - sum(pair.key in priority for pair in pairs)
        kept = set()
        for index, pair in enumerate(pairs):
            if pair.key in priority:
                kept.add(index)
            elif left > 0:
                kept.add(index)
                left -= 1
        for index in range(len(pairs) - 1, -1, -1):
            if index not in kept:
                del pairs[index]
        return True

    return edit


def merge_maps(target: Pairs, source: Value, strategy: Value) -> Edit:
    """`merge_maps`."""

    def edit(record: Record) -> bool:
        new, way, pairs = source.get(record), strategy.get(record), target(record)
        known = {pair.key: pair for pair in reversed(pairs)}
        changed = False
        for key, value in new.items():
            pair = known.get(key)
            if pair is None and way != "update":
                write(pairs.add(key=key).value, value)
            elif pair is not None and way != "insert":
                write(pair.value, value)
            else:
                continue
            changed = True
        return changed

    return edit


def stringify_all(target: Pairs) -> Edit:
    """`stringify_all`."""

    def edit(record: Record) -> bool:
        changed = False
        for pair in target(record):
            value = pair.value
            if value.WhichOneof("value") != "string_value":
                value.string_value = text_of(value)
                changed = True
        return changed

    return edit


def truncate_all(
    target: Pairs,
    limit: Value,
    utf8_safe: Value | None = None,  # noqa: ARG001 - protobuf strings are UTF-8: never unsafe
    truncation_marker: Value | None = None,
) -> Edit:
    """`truncate_all`: strings of at most `limit` bytes of UTF-8, marker included.

    A character is never cut, with `utf8_safe = false` neither: OTLP could not carry it.
    """

    def edit(record: Record) -> bool:
        most = limit.get(record)
        marker = truncation_marker.get(record) if truncation_marker else ""
        room = most - len(marker.encode())
        if room < 0:
            raise EvaluationError("the truncation_marker is longer than the limit")
        changed = False
        for pair in target(record):
            text = pair.value.string_value
            if 4 * len(text) > most and len(encoded := text.encode()) > most:
                pair.value.string_value = encoded[:room].decode(errors="ignore") + marker
                changed = True
        return changed

    return edit


def flatten(
    target: Pairs,
    prefix: Value | None = None,
    depth: Value | None = None,
    resolve_conflicts: Value | None = None,
) -> Edit:
    """`flatten`: what is nested becomes `outer.inner` and `slice.0`."""

    def edit(record: Record) -> bool:
        pairs = target(record)
        deepest = depth.get(record) if depth else None
        if deepest == 0:
            return False
        start = prefix.get(record) if prefix else ""
        resolve = resolve_conflicts.get(record) if resolve_conflicts else False
        old = read_map(pairs)
        result: dict[str, Any] = {}
        for key, value in _flat(start, old, deepest, numbered=not resolve):
            result[_free(key, result) if resolve else key] = value
        write_map(pairs, result)
        return True

    return edit


def _flat(
    prefix: str, value: Any, depth: int | None, *, numbered: bool
) -> Iterator[tuple[str, Any]]:
    """The leaves under `value`, with their keys.

    Elements of slices are `numbered`; if not, those that are not flattened themselves have the
    slice's key. After upstream's func_flatten.go, an empty map or slice has no leaves.
    """
    if not _is_flattened(value, depth):
        yield prefix, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            name = f"{prefix}.{key}" if prefix else key
            yield from _flat(name, inner, _less(depth), numbered=numbered)
    else:
        for index, inner in enumerate(value):
            has_number = numbered or _is_flattened(inner, _less(depth))
            name = f"{prefix}.{index}" if has_number else prefix
            yield from _flat(name, inner, _less(depth), numbered=numbered)


def _is_flattened(value: Any, depth: int | None) -> bool:
    return isinstance(value, dict | list) and (depth is None or depth >= 0)


def _less(depth: int | None) -> int | None:
    return None if depth is None else depth - 1


def _free(key: str, taken: dict[str, Any]) -> str:
    """`key`, or `key.0`, `key.1`, ... if it is taken."""
    if key not in taken:
        return key
    number = 0
    while f"{key}.{number}" in taken:
        number += 1
    return f"{key}.{number}"
