"""The converters that `filter` has beside OTTL's own."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from belvedere.collector.ottl.function import Function
from belvedere.collector.ottl.kinds import STRING
from belvedere.collector.ottl.paths import find
from belvedere.collector.ottl.record import Context, Record, data_points
from belvedere.otlp.any_value import text_of

_METRIC: Final = frozenset({Context.METRIC})


def has_attr_key_on_datapoint(record: Record, key: str) -> bool:
    """`HasAttrKeyOnDatapoint`: whether a point of the metric has the attribute."""
    return any(find(point.attributes, key) is not None for point in data_points(record.metric))


def has_attr_on_datapoint(record: Record, key: str, value: str) -> bool:
    """`HasAttrOnDatapoint`: whether a point of the metric has the attribute with that value."""
    return any(
        pair is not None and text_of(pair.value) == value
        for point in data_points(record.metric)
        for pair in (find(point.attributes, key),)
    )


CONVERTERS: Mapping[str, Function] = MappingProxyType(
    {
        "HasAttrKeyOnDatapoint": Function(
            has_attr_key_on_datapoint, (STRING,), _METRIC, pure=False, of_record=True
        ),
        "HasAttrOnDatapoint": Function(
            has_attr_on_datapoint, (STRING, STRING), _METRIC, pure=False, of_record=True
        ),
    }
)
