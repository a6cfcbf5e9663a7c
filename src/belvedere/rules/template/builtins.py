"""The functions of Go's text/template. `and` and `or` are not here: they may not look at all."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote_plus

from belvedere.rules.template.errors import FunctionError
from belvedere.rules.template.printing import sprint, sprintf, sprintln
from belvedere.rules.template.signature import ANY, STRING, TemplateFunction
from belvedere.rules.template.values import StringMap, is_true, type_name

_BASIC: Final = (bool, int, float, str)
_HTML: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"}
)
_JS: Final = str.maketrans(
    {
        "\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026",
        "=": "\\u003D", **{chr(code): f"\\u{code:04X}" for code in range(0x20)},
    }
)  # fmt: skip


def _equal(left: Any, *others: Any) -> bool:
    """`eq`: whether the first is one of the others."""
    if not others:
        raise FunctionError("missing argument for comparison")
    return any(_same(left, other) for other in others)


def _same(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    for value in (left, right):
        if isinstance(value, list | dict):
            raise FunctionError(f"non-comparable type {value}: {type_name(value)}")
    _check_types(left, right)
    return bool(left == right)


def _check_types(left: Any, right: Any) -> None:
    """Go compares nothing with something of another type: `eq 1 1.0` is an error."""
    if type(left) is not type(right):
        raise FunctionError("incompatible types for comparison")


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compared(left: Any, right: Any) -> bool:
        for value in (left, right):
            if not isinstance(value, _BASIC):
                raise FunctionError("invalid type for comparison")
        _check_types(left, right)
        if isinstance(left, bool):
            raise FunctionError("invalid type for comparison")
        return compare(left, right)

    return compared


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode(errors="surrogateescape"))
    if isinstance(value, list | dict):
        return len(value)
    raise FunctionError(f"len of type {type_name(value)}")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, dict):
            if not isinstance(key, str):
                raise FunctionError(f"value has type {type_name(key)}; should be string")
            value = value.get(key, "" if isinstance(value, StringMap) else None)
            continue
        if not isinstance(value, list | str):
            raise FunctionError(f"can't index item of type {type_name(value)}")
        if type(key) is not int:
            raise FunctionError(f"cannot index slice/array with type {type_name(key)}")
        items: Any = value.encode(errors="surrogateescape") if isinstance(value, str) else value
        if not 0 <= key < len(items):
            raise FunctionError(f"index out of range: {key}")
        value = items[key]
    return value


def _slice(value: Any, *bounds: Any) -> Any:
    if not isinstance(value, list | str):
        raise FunctionError(f"can't slice item of type {type_name(value)}")
    items: Any = value.encode(errors="surrogateescape") if isinstance(value, str) else value
    if len(bounds) > 2 or any(type(bound) is not int for bound in bounds):
        raise FunctionError(f"cannot slice with {len(bounds)} indexes, or with other than integers")
    start = bounds[0] if bounds else 0
    end = bounds[1] if len(bounds) > 1 else len(items)
    if not 0 <= start <= end <= len(items):
        raise FunctionError(f"invalid slice index: {start} > {end} or out of range")
    part = items[start:end]
    return part.decode(errors="surrogateescape") if isinstance(value, str) else part


BUILTINS: Final[Mapping[str, TemplateFunction]] = {
    "eq": TemplateFunction(_equal, (ANY,), ANY),
    "ne": TemplateFunction(lambda left, right: not _same(left, right), (ANY, ANY)),
    "lt": TemplateFunction(_ordered(operator.lt), (ANY, ANY)),
    "le": TemplateFunction(_ordered(operator.le), (ANY, ANY)),
    "gt": TemplateFunction(_ordered(operator.gt), (ANY, ANY)),
    "ge": TemplateFunction(_ordered(operator.ge), (ANY, ANY)),
    "not": TemplateFunction(lambda value: not is_true(value), (ANY,)),
    "len": TemplateFunction(_length, (ANY,)),
    "index": TemplateFunction(_index, (ANY,), ANY),
    "slice": TemplateFunction(_slice, (ANY,), ANY),
    "print": TemplateFunction(lambda *values: sprint(values), (), ANY),
    "println": TemplateFunction(lambda *values: sprintln(values), (), ANY),
    "printf": TemplateFunction(lambda form, *values: sprintf(form, values), (STRING,), ANY),
    "html": TemplateFunction(lambda *values: sprint(values).translate(_HTML), (), ANY),
    "js": TemplateFunction(lambda *values: sprint(values).translate(_JS), (), ANY),
    "urlquery": TemplateFunction(lambda *values: quote_plus(sprint(values)), (), ANY),
}
SHORT_CIRCUIT: Final = frozenset(("and", "or"))
"""They stop at the first argument that decides."""
