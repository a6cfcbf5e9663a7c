"""Headers in configurations: a mapping, or the newer list of names and values."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from belvedere.collector.component import ComponentConfig


class NameValue(ComponentConfig):
    """One entry of a list of headers."""

    name: str = Field(description="Name of the header.")
    value: str = Field(repr=False, description="Value of the header.")


def _as_mapping(value: Any) -> Any:
    if isinstance(value, list):
        return {pair.name: pair.value for pair in map(NameValue.model_validate, value)}
    return value


Headers = Annotated[dict[str, str], BeforeValidator(_as_mapping)]
"""A configuration field with headers."""
