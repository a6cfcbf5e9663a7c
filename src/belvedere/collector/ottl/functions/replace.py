"""The editors that replace text, by glob or by regular expression."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from belvedere.collector.ottl.closures import Edit, Value
from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.kinds import regex
from belvedere.collector.ottl.paths import Access, Pairs
from belvedere.collector.ottl.record import Record
from belvedere.collector.ottl.values import type_name, write

Function = Callable[[Any], Any]


def replace_match(
    target: Access,
    pattern: Value,
    replacement: Value,
    function: Function | None = None,
    replacement_format: Value | None = None,
) -> Edit:
    """`replace_match`: a string that matches the glob as a whole becomes the replacement."""
    put = target.set
    if put is None:
        raise TypeError("the compiler hands over targets that can be set")

    def edit(record: Record) -> bool:
        text = target.get(record)
        if type(text) is not str or not _glob(pattern.get(record)).search(text):
            return False
        put(record, _shaped(replacement.get(record), function, replacement_format, record))
        return True

    return edit


def replace_all_matches(
    target: Pairs,
    pattern: Value,
    replacement: Value,
    function: Function | None = None,
    replacement_format: Value | None = None,
) -> Edit:
    """`replace_all_matches`: the same for each string of a map."""

    def edit(record: Record) -> bool:
        matches, changed = _glob(pattern.get(record)).search, False
        for pair in target(record):
            value = pair.value
            if value.HasField("string_value") and matches(value.string_value):
                new = _shaped(replacement.get(record), function, replacement_format, record)
                write(value, new)
                changed = True
        return changed

    return edit


def replace_pattern(
    target: Access,
    regex: Value,
    replacement: Value,
    function: Function | None = None,
    replacement_format: Value | None = None,
) -> Edit:
    """`replace_pattern`: the parts of a string that match become the replacement."""
    put = target.set
    if put is None:
        raise TypeError("the compiler hands over targets that can be set")

    def edit(record: Record) -> bool:
        text = target.get(record)
        if text is None:
            return False
        if type(text) is not str:
            raise EvaluationError(f"a string is expected, not {type_name(text)}")
        expand = _expander(replacement.get(record), function, replacement_format, record)
        new, count = regex.get(record).subn(expand, text.encode())
        if count:
            put(record, new.decode())
        return bool(count)

    return edit


def replace_all_patterns(  # noqa: PLR0917 - the parameters of the editor, in its order
    target: Pairs,
    mode: Value,
    regex: Value,
    replacement: Value,
    function: Function | None = None,
    replacement_format: Value | None = None,
) -> Edit:
    """`replace_all_patterns`: the same for each string, or each key, of a map.

    Of keys that become the same, the last pair stays, where the first one was.
    """

    def edit(record: Record) -> bool:
        pairs, subn, changed = target(record), regex.get(record).subn, False
        expand = _expander(replacement.get(record), function, replacement_format, record)
        if mode.get(record) == "value":
            for pair in pairs:
                if pair.value.HasField("string_value"):
                    new, count = subn(expand, pair.value.string_value.encode())
                    if count:
                        pair.value.string_value = new.decode()
                        changed = True
            return changed
        for pair in pairs:
            new, count = subn(expand, pair.key.encode())
            if count and (key := new.decode()) != pair.key:
                pair.key = key
                changed = True
        if changed:
            _unite(pairs)
        return changed

    return edit


def _unite(pairs: Any) -> None:
    first: dict[str, Any] = {}
    again = []
    for index, pair in enumerate(pairs):
        if (earlier := first.setdefault(pair.key, pair)) is not pair:
            earlier.value.CopyFrom(pair.value)
            again.append(index)
    for index in reversed(again):
        del pairs[index]


def _shaped(
    text: str, function: Function | None, replacement_format: Value | None, record: Record
) -> str:
    """The replacement, through the function and into the format."""
    if function is not None:
        text = function(text)
        if type(text) is not str:
            raise EvaluationError(f"the function makes {type_name(text)} of the replacement")
        if replacement_format is not None:
            form = replacement_format.get(record)
            if form.count("%s") != 1:
                raise EvaluationError(f"replacement_format {form!r} must have one %s")
            return str(form).replace("%s", text)
    return text


def _expander(
    template: str, function: Function | None, replacement_format: Value | None, record: Record
) -> Callable[[Any], bytes]:
    """What a match becomes. Bytes of UTF-8 need no offsets of characters: they are fast."""
    parts = _template(template)
    if function is None and all(isinstance(part, str) for part in parts):
        fixed = "".join(map(str, parts)).encode()
        return lambda _: fixed

    def expand(match: Any) -> bytes:
        text = _expanded(parts, match).decode()
        return _shaped(text, function, replacement_format, record).encode()

    return expand


_REFERENCE = re.compile(r"\$(?:(\$)|([A-Za-z0-9_]+)|\{([A-Za-z0-9_]+)\})")


@lru_cache(maxsize=256)
def _template(template: str) -> tuple[str | tuple[str], ...]:
    """Texts, and group names in tuples, after Go's `regexp.Expand`: `$1`, `${name}`, `$$`."""
    parts: list[str | tuple[str]] = []
    end = 0
    for found in _REFERENCE.finditer(template):
        parts.append(template[end : found.start()])
        parts.append("$" if found[1] else (found[2] or found[3],))
        end = found.end()
    return (*parts, template[end:])


def _expanded(parts: tuple[str | tuple[str], ...], match: Any) -> bytes:
    texts = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part.encode())
            continue
        (name,) = part
        index = int(name) if name.isdigit() else match.re.groupindex.get(name.encode(), -1)
        if 0 <= index <= match.re.groups:
            texts.append(match.group(index) or b"")
    return b"".join(texts)


@lru_cache(maxsize=256)
def _glob(pattern: str) -> Any:
    r"""A glob as a regular expression: `*`, `?`, `[a-z]`, `{a,b}` and `\`, of any characters."""
    texts, index, open_braces = [], 0, 0
    while index < len(pattern):
        character = pattern[index]
        index += 1
        if character == "*":
            texts.append(".*")
        elif character == "?":
            texts.append(".")
        elif character == "[" and (end := pattern.find("]", index + 1)) > 0:
            negated = pattern[index] in "!^"
            inside = pattern[index + negated : end].replace("\\", "\\\\").replace("[", "\\[")
            texts.append(f"[{'^' if negated else ''}{inside}]")
            index = end + 1
        elif character == "{" and "}" in pattern[index:]:
            texts.append("(?:")
            open_braces += 1
        elif character == "}" and open_braces:
            texts.append(")")
            open_braces -= 1
        elif character == "," and open_braces:
            texts.append("|")
        else:
            if character == "\\" and index < len(pattern):
                character = pattern[index]
                index += 1
            texts.append(re.escape(character))
    return regex(f"(?s)^(?:{''.join(texts)})\\z")
