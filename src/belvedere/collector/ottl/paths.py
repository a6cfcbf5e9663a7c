"""Paths as the compiler sees them: how a field is read, set and indexed.

A field is described by one of the classes here; the tables of `fields.py` say which contexts
have which. All functions made here take a `Record`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeAlias

from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.record import Record
from belvedere.collector.ottl.values import Identifier, read, read_map, type_name, write, write_map

Get: TypeAlias = Callable[[Record], Any]
Set: TypeAlias = Callable[[Record, Any], None]
Pairs: TypeAlias = Callable[[Record], Any]
"""Returns the repeated `KeyValue` that a path stands for."""


@dataclass(frozen=True, slots=True)
class Access:
    """What can be done with a path."""

    get: Get
    set: Set | None = None
    """None: it cannot be set."""
    pairs: Pairs | None = None
    """None: it is no map."""
    set_to: Callable[[str], Callable[[Record], bool]] | None = None
    """A faster way to set always the same text; None: there is none for this path."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field without keys."""

    access: Access
    keyed: Callable[[tuple[Get, ...], tuple[Any, ...]], Access] | None = None
    """From the getters and the constant values (None: not constant) of its keys; None: no keys."""


def scalar(path: str, kind: type, *, default: Any = None) -> Field:
    """A field of a message: `path` from the record on, as `span.name`; of one Python type."""
    owner, _, name = path.rpartition(".")
    holder = attrgetter(owner)

    def set_(record: Record, new: Any) -> None:
        if new is None and default is not None:
            new = default
        if type(new) is not kind:
            raise EvaluationError(f"{path} takes {type_name(kind())}, not {type_name(new)}")
        try:
            setattr(holder(record), name, new)
        except ValueError:
            raise EvaluationError(f"{path} cannot be {new}") from None

    return Field(Access(attrgetter(path), set_))


def _holder(owner: str) -> Get:
    """The message that a field is of; None: the record's type has no such message."""
    found = attrgetter(owner)

    def holder(record: Record) -> Any:
        try:
            return found(record)
        except AttributeError:
            return None

    return holder


def present(path: str, kind: type) -> Field:
    """A field that some of the record's types have (data points): nil, and not set, in others."""
    owner, _, name = path.rpartition(".")
    holder = _holder(owner)

    def get(record: Record) -> Any:
        return getattr(holder(record), name, None)

    def set_(record: Record, new: Any) -> None:
        message = holder(record)
        if message is None or name not in message.DESCRIPTOR.fields_by_name:
            return
        if type(new) is not kind:
            raise EvaluationError(f"{path} takes {type_name(kind())}, not {type_name(new)}")
        try:
            setattr(message, name, new)
        except ValueError:
            raise EvaluationError(f"{path} cannot be {new}") from None

    return Field(Access(get, set_))


def numbers(path: str, kind: type) -> Field:
    """A repeated number, read and set as a slice; nil, and not set, where there is none."""
    owner, _, name = path.rpartition(".")
    holder = _holder(owner)

    def get(record: Record) -> Any:
        values = getattr(holder(record), name, None)
        return None if values is None else list(values)

    def set_(record: Record, new: Any) -> None:
        message = holder(record)
        if message is None or name not in message.DESCRIPTOR.fields_by_name:
            return
        if not isinstance(new, list) or any(type(each) is not kind for each in new):
            raise EvaluationError(f"{path} takes a slice in which each is {type_name(kind())}")
        try:
            getattr(message, name)[:] = new
        except (ValueError, TypeError):
            raise EvaluationError(f"{path} cannot be {new}") from None

    return Field(Access(get, set_))


def submessage(path: str) -> Field:
    """A message, which is copied from one of its type only."""
    owner, _, name = path.rpartition(".")
    holder = attrgetter(owner)

    def get(record: Record) -> Any:
        return getattr(holder(record), name, None)

    def set_(record: Record, new: Any) -> None:
        message = holder(record)
        old = getattr(message, name, None)
        if old is None or new is old:
            return
        if type(new) is not type(old):
            raise EvaluationError(f"{path} is copied from its like only, not {type_name(new)}")
        old.CopyFrom(new)

    return Field(Access(get, set_))


def messages(path: str) -> Field:
    """A list of messages, which has a `Len` and cannot be set."""
    owner, _, name = path.rpartition(".")
    holder = attrgetter(owner)
    return Field(Access(lambda record: getattr(holder(record), name, None)))


def identifier(path: str, size_bytes: int) -> Field:
    """A trace or span id as bytes. OTLP writes the id of zeros as no bytes."""
    owner, _, name = path.rpartition(".")
    holder, field, zeros = attrgetter(owner), attrgetter(path), bytes(size_bytes)

    def get(record: Record) -> Identifier:
        return Identifier(field(record) or zeros)

    def set_(record: Record, new: Any) -> None:
        if not isinstance(new, bytes) or len(new) != size_bytes:
            raise EvaluationError(
                f"{path} takes an id of {size_bytes} bytes; a string becomes one by"
                f" {'TraceID' if size_bytes == 16 else 'SpanID'}"
            )
        setattr(holder(record), name, b"" if new == zeros else new)

    return Field(Access(get, set_))


def hexadecimal(path: str, size_bytes: int) -> Field:
    """The same id as hexadecimal text; an empty id reads as zeros, as upstream."""
    owner, _, name = path.rpartition(".")
    holder, field, zeros = attrgetter(owner), attrgetter(path), "00" * size_bytes

    def get(record: Record) -> str:
        return field(record).hex() or zeros

    def set_(record: Record, new: Any) -> None:
        try:
            value = bytes.fromhex(new)
        except (TypeError, ValueError):
            value = b"?"
        if len(value) != size_bytes:
            raise EvaluationError(f"{path}.string takes {2 * size_bytes} hexadecimal digits")
        setattr(holder(record), name, value if any(value) else b"")

    return Field(Access(get, set_))


def attributes(pairs: Pairs) -> Field:
    """A map."""

    def get(record: Record) -> dict[str, Any]:
        return read_map(pairs(record))

    def set_(record: Record, new: Any) -> None:
        if not isinstance(new, dict):
            raise EvaluationError(f"a map is expected, not {type_name(new)}")
        write_map(pairs(record), new)

    def keyed(keys: tuple[Get, ...], constants: tuple[Any, ...]) -> Access:
        if len(keys) == 1 and isinstance(constants[0], str):
            return _entry(pairs, constants[0])
        return _nested(pairs, keys)

    return Field(Access(get, set_, pairs), keyed)


def any_value(path: str) -> Field:
    """A field that is an `AnyValue`: the body of a log record."""
    field = attrgetter(path)

    def keyed(keys: tuple[Get, ...], _constants: tuple[Any, ...]) -> Access:
        def get(record: Record) -> Any:
            return _get_within(field(record), [key(record) for key in keys])

        def set_(record: Record, new: Any) -> None:
            write(_made_within(field(record), [key(record) for key in keys]), new)

        def pairs(record: Record) -> Any:
            return _pairs_of(_found_within(field(record), [key(record) for key in keys]))

        return Access(get, set_, pairs)

    return Field(
        Access(
            lambda record: read(field(record)),
            lambda record, new: write(field(record), new),
            lambda record: _pairs_of(field(record)),
        ),
        keyed,
    )


def find(pairs: Any, key: Any) -> Any:
    """The `KeyValue` of a key, or None."""
    for pair in pairs:
        if pair.key == key:
            return pair
    return None


def _entry(pairs: Pairs, key: str) -> Access:
    """`attributes["x"]`, the path that most statements are made of."""

    def get(record: Record) -> Any:
        for pair in pairs(record):
            if pair.key == key:
                return read(pair.value)
        return None

    def set_(record: Record, new: Any) -> None:
        found = pairs(record)
        for pair in found:
            if pair.key == key:
                write(pair.value, new)
                return
        write(found.add(key=key).value, new)

    def inner(record: Record) -> Any:
        pair = find(pairs(record), key)
        return _pairs_of(pair.value if pair else None)

    return Access(get, set_, inner, lambda text: _text_setter(pairs, key, text))


def _text_setter(pairs: Pairs, key: str, text: str) -> Callable[[Record], bool]:
    def edit(record: Record) -> bool:
        found = pairs(record)
        for pair in found:
            if pair.key == key:
                pair.value.string_value = text
                return True
        found.add(key=key).value.string_value = text
        return True

    return edit


def _nested(pairs: Pairs, keys: tuple[Get, ...]) -> Access:
    """`attributes["x"]["y"][0]`, and keys that are computed."""
    first, *rest = keys

    def name(record: Record) -> str:
        key = first(record)
        if type(key) is not str:
            raise EvaluationError(f"the key of a map is a string, not {type_name(key)}")
        return key

    def get(record: Record) -> Any:
        pair = find(pairs(record), name(record))
        return _get_within(pair.value, [key(record) for key in rest]) if pair else None

    def set_(record: Record, new: Any) -> None:
        found, key = pairs(record), name(record)
        pair = find(found, key) or found.add(key=key)
        write(_made_within(pair.value, [key(record) for key in rest]), new)

    def inner(record: Record) -> Any:
        pair = find(pairs(record), name(record))
        return _pairs_of(_found_within(pair.value, [key(record) for key in rest]) if pair else None)

    return Access(get, set_, inner)


def _pairs_of(value: Any) -> Any:
    if value is None or value.WhichOneof("value") != "kvlist_value":
        kind = "nil" if value is None else type_name(read(value))
        raise EvaluationError(f"a map is expected, not {kind}")
    return value.kvlist_value.values


def _get_within(value: Any, keys: list[Any]) -> Any:
    found = _found_within(value, keys)
    return None if found is None else read(found)


def _found_within(value: Any, keys: list[Any]) -> Any:
    """The `AnyValue` at `keys` of a map or slice; None: there is none."""
    for key in keys:
        kind = value.WhichOneof("value")
        if kind == "kvlist_value" and type(key) is str:
            pair = find(value.kvlist_value.values, key)
            if pair is None:
                return None
            value = pair.value
        elif kind == "array_value" and type(key) is int:
            value = _element(value.array_value.values, key)
        elif kind is None:
            return None
        else:
            raise EvaluationError(f"{type_name(read(value))} has no key {key!r}")
    return value


def _made_within(value: Any, keys: list[Any]) -> Any:
    """The `AnyValue` at `keys`, made where there is none."""
    for key in keys:
        kind = value.WhichOneof("value")
        if type(key) is str and kind in {None, "kvlist_value"}:
            values = value.kvlist_value.values
            value = (find(values, key) or values.add(key=key)).value
        elif type(key) is int and kind == "array_value":
            value = _element(value.array_value.values, key)
        elif type(key) is int and kind is None:
            if not 0 <= key < _MAX_NEW_INDEX:
                raise EvaluationError(f"a new slice has no index {key}")
            while len(value.array_value.values) <= key:
                value.array_value.values.add()
            value = value.array_value.values[key]
        else:
            raise EvaluationError(f"{type_name(read(value))} has no key {key!r}")
    return value


_MAX_NEW_INDEX = 10_000
"""An index that comes from the telemetry must not fill the memory."""


def _element(values: Any, index: int) -> Any:
    if not 0 <= index < len(values):
        raise EvaluationError(f"index {index} is outside of a slice of {len(values)}")
    return values[index]
