"""Editors: functions that change telemetry."""

from collections.abc import Mapping
from types import MappingProxyType

from belvedere.collector.ottl.closures import Edit, Value
from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.function import Function, editor
from belvedere.collector.ottl.functions.maps import (
    delete_key,
    delete_matching_keys,
    flatten,
    keep_keys,
    keep_matching_keys,
    limit,
    merge_maps,
    stringify_all,
    truncate_all,
)
from belvedere.collector.ottl.functions.replace import (
    replace_all_matches,
    replace_all_patterns,
    replace_match,
    replace_pattern,
)
from belvedere.collector.ottl.kinds import (
    ANY,
    BOOL,
    BYTE_REGEX,
    FUNCTION,
    INT,
    LIST,
    MAP,
    MAP_TARGET,
    REGEX,
    SIZE,
    STRING,
    STRINGS,
    TARGET,
    one_of,
)
from belvedere.collector.ottl.paths import Access
from belvedere.collector.ottl.record import Record
from belvedere.collector.ottl.values import type_name


def set_(target: Access, value: Value) -> Edit:
    """`set`: nil leaves the target as it is."""
    get, put = value.get, target.set
    if put is None:
        raise TypeError("the compiler hands over targets that can be set")
    if value.is_constant and target.set_to and type(value.constant) is str:
        return target.set_to(value.constant)

    def edit(record: Record) -> bool:
        new = get(record)
        if new is None:
            return False
        put(record, new)
        return True

    return edit


def append(target: Access, value: Value | None = None, values: Value | None = None) -> Edit:
    """`append`: a value that is no slice becomes one; without any, a new slice begins."""
    put = target.set
    if put is None:
        raise TypeError("the compiler hands over targets that can be set")

    def edit(record: Record) -> bool:
        old = target.get(record)
        new = [] if old is None else list(old) if isinstance(old, list) else [old]
        more = []
        if value is not None and (one := value.get(record)) is not None:
            more += one if isinstance(one, list) else [one]
        if values is not None:
            more += values.get(record)
        put(record, new + more)
        return True

    return edit


def delete_index(target: Access, start_index: Value, end_index: Value | None = None) -> Edit:
    """`delete_index`: the elements from `start_index` up to, without, `end_index`."""
    put = target.set
    if put is None:
        raise TypeError("the compiler hands over targets that can be set")

    def edit(record: Record) -> bool:
        old = target.get(record)
        if not isinstance(old, list):
            raise EvaluationError(f"a slice is expected, not {type_name(old)}")
        start: int = start_index.get(record)
        end: int = start + 1 if end_index is None else end_index.get(record)
        if not 0 <= start <= end <= len(old):
            raise EvaluationError(f"a slice of {len(old)} has nothing from {start} to {end}")
        if start == end:
            return False
        put(record, old[:start] + old[end:])
        return True

    return edit


_HASHED = (FUNCTION, STRING)
"""The optional last parameters of the editors that replace: function, format."""

EDITORS: Mapping[str, Function] = MappingProxyType(
    {
        "append": editor(append, TARGET, ANY, LIST),
        "delete_index": editor(delete_index, TARGET, INT, INT),
        "delete_key": editor(delete_key, MAP_TARGET, STRING),
        "delete_matching_keys": editor(delete_matching_keys, MAP_TARGET, REGEX),
        "flatten": editor(flatten, MAP_TARGET, STRING, SIZE, BOOL),
        "keep_keys": editor(keep_keys, MAP_TARGET, STRINGS),
        "keep_matching_keys": editor(keep_matching_keys, MAP_TARGET, REGEX),
        "limit": editor(limit, MAP_TARGET, SIZE, STRINGS),
        "merge_maps": editor(merge_maps, MAP_TARGET, MAP, one_of("insert", "update", "upsert")),
        "replace_all_matches": editor(replace_all_matches, MAP_TARGET, STRING, STRING, *_HASHED),
        "replace_all_patterns": editor(
            replace_all_patterns, MAP_TARGET, one_of("key", "value"), BYTE_REGEX, STRING, *_HASHED
        ),
        "replace_match": editor(replace_match, TARGET, STRING, STRING, *_HASHED),
        "replace_pattern": editor(replace_pattern, TARGET, BYTE_REGEX, STRING, *_HASHED),
        "set": editor(set_, TARGET, ANY),
        "stringify_all": editor(stringify_all, MAP_TARGET),
        "truncate_all": editor(truncate_all, MAP_TARGET, SIZE, BOOL, STRING),
    }
)
"""The editors that every context has."""
