"""The W3C trace state of a span: the whole text, or one vendor's entry."""

from operator import attrgetter
from typing import Any

from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.paths import Access, Field, Get, scalar
from belvedere.collector.ottl.record import Record
from belvedere.collector.ottl.values import type_name


def trace_state(path: str) -> Field:
    """`trace_state` as text, `trace_state["vendor"]` as one entry of it ("" if it is absent)."""
    owner, _, name = path.rpartition(".")
    holder, field = attrgetter(owner), attrgetter(path)

    def keyed(keys: tuple[Get, ...], _constants: tuple[Any, ...]) -> Access:
        if len(keys) > 1:
            raise EvaluationError("an entry of trace_state has no keys of its own")
        (key,) = keys

        def get(record: Record) -> Any:
            return dict(_entries(field(record))).get(key(record), "")

        def set_(record: Record, new: Any) -> None:
            if type(new) is not str:
                raise EvaluationError(f"an entry of trace_state is a string, not {type_name(new)}")
            vendor = key(record)
            rest = [entry for entry in _entries(field(record)) if entry[0] != vendor]
            text = ",".join("=".join(entry) for entry in [(vendor, new), *rest])
            setattr(holder(record), name, text)

        return Access(get, set_)

    return Field(scalar(path, str).access, keyed)


def _entries(text: str) -> list[tuple[str, str]]:
    entries = (entry.strip().partition("=") for entry in text.split(",") if entry.strip())
    return [(key, value) for key, _, value in entries]
