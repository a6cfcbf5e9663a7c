"""Converters of text."""

import base64
import binascii
import re
from typing import Any, Final

from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.function import Function, converter
from belvedere.collector.ottl.functions.sprintf import sprintf
from belvedere.collector.ottl.kinds import (
    ANY,
    BOOL,
    BYTE_REGEX,
    INT,
    LIST,
    REGEX,
    STRING,
    STRING_LIKE,
    one_of,
)
from belvedere.collector.ottl.values import as_text, type_name


def concat(values: list[Any], delimiter: str) -> str:
    """`Concat`: nil is written as `<nil>`; maps and slices are left out."""
    return delimiter.join(
        "<nil>" if value is None else as_text(value) or ""
        for value in values
        if not isinstance(value, list | dict)
    )


def is_match(target: str | None, pattern: Any) -> bool:
    """`IsMatch`: whether a part of the target matches; nil does not."""
    return target is not None and pattern.search(target.encode()) is not None


def substring(target: str, start: int, length: int, utf8_safe: bool = False) -> str:  # noqa: FBT001, FBT002 - as OTTL has it
    """`Substring`: counted in bytes of UTF-8. What is cut of a character becomes U+FFFD."""
    encoded = target.encode()
    end = start + length
    if start < 0 or length <= 0 or end > len(encoded):
        raise EvaluationError(f"{len(encoded)} bytes have no {length} from {start} on")
    if utf8_safe:
        while start < len(encoded) and encoded[start] & 0xC0 == 0x80:
            start += 1
        while end > start and end < len(encoded) and encoded[end] & 0xC0 == 0x80:
            end -= 1
    return encoded[start:end].decode(errors="replace")


def extract_patterns(target: str, pattern: Any) -> dict[str, str]:
    """`ExtractPatterns`: the named groups of the first match."""
    match = pattern.search(target)
    if match is None:
        return {}
    return {name: match.group(index) or "" for name, index in pattern.groupindex.items()}


_WORD_END = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z])(?=[0-9])")
_SEPARATORS = re.compile(r"[_\-.\s]+")


def to_snake_case(target: str) -> str:
    """`ToSnakeCase`: `myMetric` → `my_metric`."""
    return _SEPARATORS.sub("_", _WORD_END.sub("_", target.strip())).lower()


def to_camel_case(target: str) -> str:
    """`ToCamelCase`: `my_metric` → `MyMetric`."""
    words = _SEPARATORS.split(target.strip())
    return "".join(word[:1].upper() + word[1:] for word in words)


def split(target: str, delimiter: str) -> list[str]:
    """`Split`: without a delimiter, into characters."""
    return target.split(delimiter) if delimiter else list(target)


_CASES: Final = {
    "lower": str.lower,
    "upper": str.upper,
    "snake": to_snake_case,
    "camel": to_camel_case,
}


def convert_case(target: str, to_case: str) -> str:
    """`ConvertCase`."""
    return _CASES[to_case](target)


def trim(target: str, replacement: str = " ") -> str:
    """`Trim`: the characters of `replacement` at both ends."""
    return target.strip(replacement) if replacement else target


def decode(value: Any, encoding: str) -> str:
    """`Decode`: base64 in its variants, or the bytes of a character encoding.

    Bytes that the encoding does not have become U+FFFD.
    """
    if not isinstance(value, str | bytes):
        raise EvaluationError(f"a string or bytes are expected, not {type_name(value)}")
    data = value.encode() if isinstance(value, str) else value
    if encoding in _BASE64:
        data = _from_base64(data, encoding)
        encoding = "utf-8"
    try:
        return data.decode(encoding, "replace")
    except (LookupError, ValueError):
        raise EvaluationError(f"there is no encoding of text {encoding!r}") from None


_BASE64: Final = ("base64", "base64-raw", "base64-url", "base64-raw-url")


def _from_base64(data: bytes, variant: str) -> bytes:
    if "raw" in variant:
        if b"=" in data:
            raise EvaluationError(f"{variant} has no padding")
        data += b"=" * (-len(data) % 4)
    try:
        return base64.b64decode(data, altchars=b"-_" if "url" in variant else None, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EvaluationError(f"not {variant}: {error}") from None


def base64_encode(value: str, variant: str = "base64") -> str:
    """`Base64Encode`."""
    encoded = base64.b64encode(value.encode(), b"-_" if "url" in variant else None).decode()
    return encoded.rstrip("=") if "raw" in variant else encoded


TEXT: dict[str, Function] = {
    "Base64Decode": converter(lambda value: decode(value, "base64"), STRING),
    "Base64Encode": converter(base64_encode, STRING, one_of(*_BASE64)),
    "Concat": converter(concat, LIST, STRING),
    "ConvertCase": converter(convert_case, STRING, one_of(*_CASES)),
    "Decode": converter(decode, ANY, STRING),
    "ExtractPatterns": converter(extract_patterns, STRING, REGEX),
    "Format": converter(sprintf, STRING, LIST),
    "HasPrefix": converter(lambda value, prefix: value.startswith(prefix), STRING, STRING),
    "HasSuffix": converter(lambda value, suffix: value.endswith(suffix), STRING, STRING),
    "IsMatch": converter(is_match, STRING_LIKE, BYTE_REGEX),
    "Split": converter(split, STRING, STRING),
    "Substring": converter(substring, STRING, INT, INT, BOOL),
    "ToCamelCase": converter(to_camel_case, STRING),
    "ToLowerCase": converter(str.lower, STRING),
    "ToSnakeCase": converter(to_snake_case, STRING),
    "ToUpperCase": converter(str.upper, STRING),
    "Trim": converter(trim, STRING, STRING),
    "TrimPrefix": converter(lambda value, prefix: value.removeprefix(prefix), STRING, STRING),
    "TrimSuffix": converter(lambda value, suffix: value.removesuffix(suffix), STRING, STRING),
}
