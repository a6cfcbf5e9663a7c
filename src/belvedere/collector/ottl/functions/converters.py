"""All converters by name."""

from collections.abc import Mapping
from types import MappingProxyType

from belvedere.collector.ottl.function import Function
from belvedere.collector.ottl.functions.text import TEXT
from belvedere.collector.ottl.functions.types import TYPES

CONVERTERS: Mapping[str, Function] = MappingProxyType({**TEXT, **TYPES})
"""The converters that every context has, and those that say where they work."""
