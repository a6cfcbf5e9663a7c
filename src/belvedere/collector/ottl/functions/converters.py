"""All converters by name."""

from collections.abc import Mapping
from types import MappingProxyType

from belvedere.collector.ottl.function import Function
from belvedere.collector.ottl.functions.collections import COLLECTIONS
from belvedere.collector.ottl.functions.hashes import HASHES
from belvedere.collector.ottl.functions.parsers import PARSERS
from belvedere.collector.ottl.functions.text import TEXT
from belvedere.collector.ottl.functions.times import TIMES
from belvedere.collector.ottl.functions.types import TYPES

CONVERTERS: Mapping[str, Function] = MappingProxyType(
    COLLECTIONS | HASHES | PARSERS | TEXT | TIMES | TYPES
)
"""The converters that every context has, and those that say where they work."""
