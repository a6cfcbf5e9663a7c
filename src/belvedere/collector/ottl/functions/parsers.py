"""Converters that take text apart."""

import csv
import io
import re
from typing import Any, Final
from urllib.parse import unquote

import orjson

from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.function import Function, converter
from belvedere.collector.ottl.functions.xml import parse_simplified_xml, parse_xml
from belvedere.collector.ottl.kinds import ANY, INT, MAP, STRING, one_of, regex
from belvedere.collector.ottl.values import INT64_MAX, INT64_MIN, type_name


def parse_json(target: str) -> Any:
    """`ParseJSON`: numbers are doubles, as in Go."""
    try:
        parsed = orjson.loads(target)
    except orjson.JSONDecodeError as error:
        raise EvaluationError(f"not JSON: {error}") from None
    return _with_doubles(parsed)


def _with_doubles(value: Any, depth: int = 0) -> Any:
    if type(value) is int:
        return float(value)
    if depth > _DEEPEST_JSON:
        raise EvaluationError(f"JSON nested deeper than {_DEEPEST_JSON}")
    if isinstance(value, dict):
        return {key: _with_doubles(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_doubles(each, depth + 1) for each in value]
    return value


_DEEPEST_JSON: Final = 100


def parse_key_value(target: str, delimiter: str = "=", pair_delimiter: str = " ") -> dict[str, str]:
    """`ParseKeyValue`: pairs may be quoted as a whole or in their parts."""
    if not target:
        raise EvaluationError("there are no pairs in an empty string")
    if not delimiter or not pair_delimiter or delimiter == pair_delimiter:
        raise EvaluationError("delimiter and pair_delimiter must differ and not be empty")
    result = {}
    for pair in _unquoted_split(target, pair_delimiter):
        if not pair.strip():
            continue
        key, found, value = pair.partition(delimiter)
        if not found:
            raise EvaluationError(f"{pair!r} is no pair with {delimiter!r}")
        result[_bare(key)] = _bare(value)
    return result


def _bare(text: str) -> str:
    text = text.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text


def _unquoted_split(text: str, delimiter: str) -> list[str]:
    """The parts between delimiters that are not within quotes."""
    parts, start, index, quote = [], 0, 0, ""
    while index < len(text):
        if quote:
            quote = "" if text[index] == quote else quote
        elif text[index] in "\"'":
            quote = text[index]
        elif text.startswith(delimiter, index):
            parts.append(text[start:index])
            index += len(delimiter)
            start = index
            continue
        index += 1
    if quote:
        raise EvaluationError("a quote is not closed")
    return [*parts, text[start:]]


_CSV_MODES: Final = ("strict", "lazyQuotes", "ignoreQuotes")


def parse_csv(
    target: str,
    headers: str,
    delimiter: str = ",",
    header_delimiter: str | None = None,
    mode: str = "strict",
) -> dict[str, str]:
    """`ParseCSV`: one row, as a map from header to field."""
    for each in (delimiter, header_delimiter or delimiter):
        if len(each) != 1 or each in '\r\n"':
            raise EvaluationError(f"a delimiter is one character, not {each!r}")
    row = target.strip("\r\n")
    if mode == "ignoreQuotes":
        fields = row.split(delimiter)
    else:
        fields = _csv_fields(row, delimiter, strict=mode == "strict")
    names = headers.split(header_delimiter or delimiter)
    if len(fields) != len(names):
        raise EvaluationError(f"{len(fields)} fields do not go with {len(names)} headers")
    return dict(zip(names, fields, strict=True))


def _csv_fields(row: str, delimiter: str, *, strict: bool) -> list[str]:
    if strict and _STRAY_QUOTE.search(row.replace(delimiter, ",")):
        raise EvaluationError("a quote stands in a field that is not quoted")
    try:
        rows = list(csv.reader(io.StringIO(row, newline=""), delimiter=delimiter, strict=strict))
    except csv.Error as error:
        raise EvaluationError(f"not CSV: {error}") from None
    if len(rows) != 1:
        raise EvaluationError("one row of CSV is expected")
    return rows[0]


_STRAY_QUOTE: Final = regex(r'^(?:(?:"(?:[^"]|"")*"|[^",]*),)*[^",]+"')
"""A quote within a field that does not begin with one."""


def parse_int(target: str, base: int) -> int:
    """`ParseInt`."""
    if base != 0 and not 2 <= base <= 36:
        raise EvaluationError(f"base {base} is not 0 or 2 to 36")
    # Python also takes `0x` with base 16, and `_` with any base: Go does with base 0 only.
    plain = r"[-+]?[0-9A-Za-z]{1,80}" if base else r"[-+]?[0-9][0-9A-Za-z_]{0,79}"
    prefix = {2: "0b", 8: "0o", 16: "0x"}.get(base, "?")
    if not re.fullmatch(plain, target) or target.lstrip("+-").lower().startswith(prefix):
        raise EvaluationError(f"{target[:80]!r} is no integer of base {base}")
    digits = re.sub(r"^([-+]?)0(?=[0-7_])", r"\g<1>0o", target) if base == 0 else target
    try:
        number = int(digits, base)
    except ValueError:
        raise EvaluationError(f"{target!r} is no integer of base {base}") from None
    if not INT64_MIN <= number <= INT64_MAX:
        raise EvaluationError(f"{target} does not fit in 64 bits")
    return number


def parse_severity(target: Any, severity_mapping: dict[str, Any]) -> str:
    """`ParseSeverity`: the first level whose criteria the target meets."""
    if type(target) not in {str, int}:
        raise EvaluationError(f"a string or an int is expected, not {type_name(target)}")
    for level, criteria in severity_mapping.items():
        if not isinstance(criteria, list):
            raise EvaluationError(f"the criteria of {level} are a list")
        if any(_meets(target, criterion) for criterion in criteria):
            return level
    raise EvaluationError(f"no level is mapped from {target!r}")


def _meets(target: Any, criterion: Any) -> bool:
    if not isinstance(criterion, dict) or not criterion.keys() <= {"equals", "range"}:
        raise EvaluationError('a criterion is {"equals": [...]} or {"range": ...}')
    if type(target) is str:
        return bool(target in criterion.get("equals", []))
    span = criterion.get("range")
    if isinstance(span, str):
        if not re.fullmatch(r"[2-5]xx", span):
            raise EvaluationError(f"range {span!r} is not one of 2xx, 3xx, 4xx, 5xx")
        return bool(target // 100 == int(span[0]))
    if isinstance(span, dict):
        low, high = span.get("min"), span.get("max")
        if type(low) is not int or type(high) is not int:
            raise EvaluationError("a range has a min and a max that are ints")
        return bool(low <= target <= high)
    return bool(target in criterion.get("equals", []))


_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?"
    r"(?://(?:(?P<user_info>[^/?#@]*)@)?(?P<domain>\[[^\]]*\]|[^/?#:]*)(?::(?P<port>\d{1,5}))?)?"
    r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.DOTALL,
)


def parse_url(url_string: str) -> dict[str, Any]:
    """`URL`: its parts by the names of the semantic conventions."""
    found = _URL.fullmatch(url_string)
    if found is None or not url_string or any(character <= " " for character in url_string):
        raise EvaluationError(f"{url_string!r} is no URL")
    path = unquote(found["path"])
    result: dict[str, Any] = {
        "url.original": url_string,
        "url.domain": (found["domain"] or "").strip("[]"),
        "url.scheme": (found["scheme"] or "").lower(),
        "url.path": path,
    }
    extension = path.rpartition("/")[2].rpartition(".")
    optional = {
        "url.fragment": unquote(found["fragment"] or ""),
        "url.query": found["query"],
        "url.extension": extension[2] if extension[1] else "",
    }
    result |= {key: value for key, value in optional.items() if value}
    if found["port"]:
        if int(found["port"]) > 65_535:
            raise EvaluationError(f"{url_string!r} has no valid port")
        result["url.port"] = int(found["port"])
    if found["user_info"]:
        name, _, password = found["user_info"].partition(":")
        result["url.user_info"] = found["user_info"]
        result |= {"url.username": unquote(name)} if name else {}
        result |= {"url.password": unquote(password)} if password else {}
    return result


PARSERS: dict[str, Function] = {
    "ParseCSV": converter(parse_csv, STRING, STRING, STRING, STRING, one_of(*_CSV_MODES)),
    "ParseInt": converter(parse_int, STRING, INT),
    "ParseJSON": converter(parse_json, STRING),
    "ParseKeyValue": converter(parse_key_value, STRING, STRING, STRING),
    "ParseSeverity": converter(parse_severity, ANY, MAP),
    "ParseSimplifiedXML": converter(parse_simplified_xml, STRING),
    "ParseXML": converter(parse_xml, STRING),
    "URL": converter(parse_url, STRING),
}
