"""Lists of configurations that must not be empty."""

from typing import Annotated, TypeVar

from pydantic import AfterValidator

Element = TypeVar("Element")


def _not_empty(values: tuple[Element, ...]) -> tuple[Element, ...]:
    if not values:
        raise ValueError("at least one entry is required")
    return values


NonEmpty = Annotated[tuple[Element, ...], AfterValidator(_not_empty)]
"""A configuration field with entries. (With `min_length`, pydantic would call a list with an entry
that is not valid too short, too.)"""
