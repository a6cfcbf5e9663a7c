"""Converters of maps and slices."""

from typing import Any

from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.function import Function, converter
from belvedere.collector.ottl.kinds import BOOL, LIST, MAP, STRING, STRINGS, one_of
from belvedere.collector.ottl.values import as_text, type_name


def slice_to_map(
    target: list[Any], key_path: list[str] | None = None, value_path: list[str] | None = None
) -> dict[str, Any]:
    """`SliceToMap`: elements need be maps only where a path is given."""
    result = {}
    for index, item in enumerate(target):
        if not isinstance(item, dict) and (key_path is not None or value_path is not None):
            raise EvaluationError(f"element {index} is {type_name(item)}, not a map")
        key = str(index) if key_path is None else _at(item, key_path)
        if type(key) is not str:
            raise EvaluationError(f"the key of element {index} is {type_name(key)}, not a string")
        result[key] = item if value_path is None else _at(item, value_path)
    return result


def _at(item: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(item, dict) or name not in item:
            raise EvaluationError(f"there is no {'.'.join(path)}")
        item = item[name]
    return item


def sort(target: list[Any], order: str = "asc") -> list[Any]:
    """`Sort`: numbers as numbers, strings as strings, what is mixed by its text."""
    kinds = {type(each) for each in target}
    if not kinds <= {int, float, str, bool}:
        raise EvaluationError("only strings, numbers and bools can be sorted")
    if kinds <= {int, float} or kinds <= {str}:
        return sorted(target, reverse=order == "desc")
    return sorted(target, key=lambda each: as_text(each) or "", reverse=order == "desc")


def to_key_value_string(
    target: dict[str, Any],
    delimiter: str = "=",
    pair_delimiter: str = " ",
    sort_output: bool = False,  # noqa: FBT001, FBT002 - as OTTL has it
) -> str:
    """`ToKeyValueString`: what holds a delimiter or a quote is quoted."""
    if delimiter == pair_delimiter:
        raise EvaluationError("delimiter and pair_delimiter must not be the same")

    def word(value: Any) -> str:
        text = as_text(value) or ""
        if isinstance(value, dict | list):
            return text
        if not text or delimiter in text or pair_delimiter in text or '"' in text:
            return '"' + text.replace('"', '\\"') + '"' if text else text
        return text

    pairs = sorted(target.items()) if sort_output else target.items()
    return pair_delimiter.join(f"{word(key)}{delimiter}{word(value)}" for key, value in pairs)


COLLECTIONS: dict[str, Function] = {
    "Keys": converter(list, MAP),
    "SliceToMap": converter(slice_to_map, LIST, STRINGS, STRINGS),
    "Sort": converter(sort, LIST, one_of("asc", "desc")),
    "ToKeyValueString": converter(to_key_value_string, MAP, STRING, STRING, BOOL),
    "Values": converter(lambda target: list(target.values()), MAP),
}
