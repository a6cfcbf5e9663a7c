"""Operators that move values: `add`, `remove`, `move`, `copy`, `retain`, and `noop`."""

import copy
from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, field_validator

from belvedere.collector.receivers.filelog.entry import Entry
from belvedere.collector.receivers.filelog.fields import MISSING, FieldPath
from belvedere.collector.receivers.filelog.operators.base import EachConfig, required


class NoopConfig(EachConfig):
    """`noop`: changes nothing."""

    type: Literal["noop"] = Field(description="noop.")

    def worker(self) -> Callable[[Entry], None]:
        """Nothing."""
        return lambda _: None


class AddConfig(EachConfig):
    """`add`: a constant value."""

    type: Literal["add"] = Field(description="add.")
    field: FieldPath = Field(description="Field that takes the value.")
    value: Any = Field(description="The value; EXPR(...) is not supported.")

    @field_validator("value")
    @classmethod
    def _constant(cls, value: Any) -> Any:
        if isinstance(value, str) and "EXPR(" in value:
            raise ValueError("EXPR(...) is not supported; use the processor transform")
        return value

    def worker(self) -> Callable[[Entry], None]:
        """A copy of the value for each entry."""
        field, value = self.field, self.value
        return lambda entry: field.set(entry, copy.deepcopy(value))


class RemoveConfig(EachConfig):
    """`remove`."""

    type: Literal["remove"] = Field(description="remove.")
    field: FieldPath = Field(description="Field that is taken out.")

    def worker(self) -> Callable[[Entry], None]:
        """Nothing to take out is an error."""

        def work(entry: Entry) -> None:
            required(self.field, entry)
            self.field.delete(entry)

        return work


class MoveConfig(EachConfig):
    """`move`."""

    type: Literal["move"] = Field(description="move.")
    origin: FieldPath = Field(alias="from", description="Field that is taken out.")
    to: FieldPath = Field(description="Field that takes its value.")

    def worker(self) -> Callable[[Entry], None]:
        """Nothing to move is an error."""

        def work(entry: Entry) -> None:
            value = required(self.origin, entry)
            if not self.to.keys and self.to.root != "body" and not isinstance(value, dict):
                raise ValueError(f"{self.to.root} can only be a map")
            self.origin.delete(entry)
            self.to.set(entry, value)

        return work


class CopyConfig(EachConfig):
    """`copy`."""

    type: Literal["copy"] = Field(description="copy.")
    origin: FieldPath = Field(alias="from", description="Field that is copied.")
    to: FieldPath = Field(description="Field that takes its value.")

    def worker(self) -> Callable[[Entry], None]:
        """Nothing to copy is an error."""
        return lambda entry: self.to.set(entry, copy.deepcopy(required(self.origin, entry)))


class RetainConfig(EachConfig):
    """`retain`: of body, attributes and resource, each that `fields` names, only these fields."""

    type: Literal["retain"] = Field(description="retain.")
    fields: list[FieldPath] = Field(min_length=1, description="Fields that stay.")

    def worker(self) -> Callable[[Entry], None]:
        """A field that is not there is none afterwards."""

        def work(entry: Entry) -> None:
            kept = [(field, field.get(entry)) for field in self.fields]
            for root in {field.root for field in self.fields}:
                setattr(entry, root, None if root == "body" else {})
            for field, value in kept:
                if value is not MISSING:
                    field.set(entry, value)

        return work
