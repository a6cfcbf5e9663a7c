"""Actions made ready for one batch: those that can do nothing in it cost nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from belvedere.collector.processors.attribute_actions import steps
from belvedere.collector.processors.attribute_actions.action import Action, Verb
from belvedere.collector.regex import cached_search, compile_regex
from belvedere.otlp.any_value import any_value
from belvedere.otlp.batch import CLIENT_ADDRESS, Batch
from belvedere.otlp.varint import write_varint

_PUTS: Final[Mapping[Verb, steps.Put]] = {
    Verb.INSERT: steps.insert,
    Verb.UPDATE: steps.update,
    Verb.UPSERT: steps.upsert,
}


class Keys:
    """The keys that attributes in a batch may have.

    Serialized protobuf has the text of each key as it is, right after its length, so bytes without
    both have no such key. Searching takes a fraction of the time of parsing.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._added: set[str] = set()

    def may_have(self, key: str) -> bool:
        """Whether an attribute may have that key. False is certain."""
        if key in self._added:
            return True
        text, data = key.encode(), self._data
        # A length that is written longer than it need be ends with 0.
        return text in data and (write_varint(len(text)) + text in data or b"\0" + text in data)

    def add(self, key: str) -> None:
        """From here on, attributes may have that key."""
        self._added.add(key)


_Planner = Callable[[Keys, Batch], steps.Step | None]


class Actions:
    """A list of actions."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._planners = [_planner(action) for action in actions]

    def steps(self, batch: Batch) -> list[steps.Step]:
        """What is to be done, in order, to each item's attributes; none: nothing changes."""
        keys = Keys(batch.data)
        planned = [planner(keys, batch) for planner in self._planners]
        return [step for step in planned if step is not None]


def _planner(action: Action) -> _Planner:
    if action.action in _PUTS:
        return _put_planner(action, _PUTS[action.action])
    if action.action in (Verb.DELETE, Verb.HASH):
        return _matching_planner(action)
    if action.action is Verb.EXTRACT:
        pattern = compile_regex(action.pattern)
        added = tuple(pattern.groupindex)
        step = steps.extract(action.key, pattern)
    else:
        added, step = (), steps.convert(action.key, action.converted_type)

    def plan(keys: Keys, _: Batch) -> steps.Step | None:
        if not keys.may_have(action.key):
            return None
        for name in added:
            keys.add(name)
        return step

    return plan


def _matching_planner(action: Action) -> _Planner:
    """For verbs that act on a key, or all keys of a pattern, or both."""
    make = steps.delete if action.action is Verb.DELETE else steps.hash_values
    if not action.pattern:
        by_key = make(action.key.__eq__)
        return lambda keys, _: by_key if keys.may_have(action.key) else None
    matches = cached_search(action.pattern)
    by_pattern = make(lambda key: key == action.key or matches(key))
    return lambda _, __: by_pattern


def _put_planner(action: Action, how: steps.Put) -> _Planner:
    key = action.key
    constant = None if action.value is None else any_value(action.value)
    default = None if action.default_value is None else any_value(action.default_value)

    def plan(keys: Keys, batch: Batch) -> steps.Step | None:
        there = keys.may_have(key)
        if how is steps.update and not there:
            return None
        keys.add(key)
        if action.from_attribute and keys.may_have(action.from_attribute):
            return steps.copy(how, action.from_attribute, key, default)
        value = constant
        if value is None and action.from_context:
            value = _from_context(action.from_context, batch)
        if value is None:
            value = default
        if value is None:
            return None
        if there:
            return steps.put(how, key, value)
        return steps.Append(KeyValue(key=key, value=value))

    return plan


def _from_context(name: str, batch: Batch) -> AnyValue | None:
    """A header of the request that brought the batch, or its client's address."""
    header = CLIENT_ADDRESS if name == "client.address" else name.removeprefix("metadata.").lower()
    values = batch.metadata.get(header)
    return AnyValue(string_value=";".join(values)) if values else None
