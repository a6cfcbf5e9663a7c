"""`json_parser` and `regex_parser`: one field's text to several fields."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Literal, Self

import orjson
from pydantic import Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.receivers.filelog.entry import Entry
from belvedere.collector.receivers.filelog.fields import MISSING, FieldPath, parse_field
from belvedere.collector.receivers.filelog.operators.base import EachConfig, required
from belvedere.collector.receivers.filelog.operators.severity import SeverityConfig
from belvedere.collector.receivers.filelog.operators.timestamp import TimestampConfig
from belvedere.collector.receivers.filelog.operators.trace import TraceConfig
from belvedere.collector.regex import RegexText, compile_regex

_INT64: Final = range(-(1 << 63), 1 << 63)
_MAX_LEVELS: Final = 100
"""Of JSON, as nobody writes it but to do harm."""


class ScopeNameConfig(ComponentConfig):
    """`scope_name` of a parser."""

    parse_from: FieldPath = Field(description="Field with the name of the instrumentation scope.")


class ParserConfig(EachConfig):
    """Keys of every parser."""

    parse_from: FieldPath = Field(parse_field("body"), description="Field that is parsed.")
    parse_to: FieldPath = Field(
        parse_field("attributes"), description="Field that takes what was parsed."
    )
    timestamp: TimestampConfig | None = Field(
        None, description="How the entry's time is read, after this parser."
    )
    body: FieldPath | None = Field(
        None, description="Field of what was parsed that becomes the entry's body."
    )
    trace: TraceConfig | None = Field(
        None, description="How the entry's trace and span are read, after this parser."
    )
    severity: SeverityConfig | None = Field(
        None, description="How the entry's severity is read, after this parser."
    )
    scope_name: ScopeNameConfig | None = Field(
        None, description="How the name of the instrumentation scope is read, after this parser."
    )

    def parse(self) -> Callable[[str], Any]:
        """What turns the text into values; raises ValueError."""
        raise NotImplementedError

    def worker(self) -> Callable[[Entry], None]:
        """Parse, then read time, severity and scope."""
        parse, source, target = self.parse(), self.parse_from, self.parse_to
        blocks = [block.worker() for block in (self.timestamp, self.trace, self.severity) if block]
        body = self.body
        scope = self.scope_name.parse_from if self.scope_name else None

        def work(entry: Entry) -> None:
            text = required(source, entry)
            if not isinstance(text, str):
                raise ValueError(f"{source} is no text but {type(text).__name__}")  # noqa: TRY004 - one error for operators
            target.set(entry, parse(text))
            if body and (value := body.get(entry)) is not MISSING:
                entry.body = value
            for block in blocks:
                block(entry)
            if scope and (name := scope.get(entry)) is not MISSING:
                entry.scope_name = str(name)

        return work


class JsonParserConfig(ParserConfig):
    """`json_parser`."""

    type: Literal["json_parser"] = Field(description="json_parser.")
    parse_ints: bool = Field(
        False, description="Whether whole numbers become integers; as upstream, else doubles."
    )

    def parse(self) -> Callable[[str], Any]:
        """What reads an object; an array or a lone value is an error, as upstream."""
        whole = _int64_or_double if self.parse_ints else float

        def plain(value: Any, levels: int) -> Any:
            if isinstance(value, dict | list) and not levels:
                raise ValueError(f"no JSON object of at most {_MAX_LEVELS} levels")
            if isinstance(value, dict):
                return {key: plain(each, levels - 1) for key, each in value.items()}
            if isinstance(value, list):
                return [plain(each, levels - 1) for each in value]
            return whole(value) if type(value) is int else value

        def parse(text: str) -> Any:
            try:
                value = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                raise ValueError(f"no JSON: {error}") from error
            if not isinstance(value, dict):
                raise ValueError("no JSON object")  # noqa: TRY004 - one error for operators
            return plain(value, _MAX_LEVELS)

        return parse


class CacheConfig(ComponentConfig):
    """`cache` of a regex_parser."""

    size: int = Field(0, ge=0, description="Texts whose outcome is remembered; 0: none.")


class RegexParserConfig(ParserConfig):
    """`regex_parser`."""

    type: Literal["regex_parser"] = Field(description="regex_parser.")
    regex: RegexText = Field(
        description="Regular expression (RE2); its named groups are the fields."
    )
    cache: CacheConfig = Field(
        default_factory=CacheConfig, description="For texts that come again, such as paths."
    )

    @model_validator(mode="after")
    def _has_names(self) -> Self:
        if not compile_regex(self.regex).groupindex:
            raise ValueError(f"{self.regex!r} has no named group; write (?P<name>...)")
        return self

    def parse(self) -> Callable[[str], Any]:
        """What reads the named groups; one that took no part is empty, as in Go."""
        search = compile_regex(self.regex).search

        def parse(text: str) -> dict[str, str]:
            match = search(text)
            if match is None:
                raise ValueError("the regular expression does not match")
            return {name: value or "" for name, value in match.groupdict().items()}

        if not self.cache.size:
            return parse
        remembered = lru_cache(self.cache.size)(parse)
        return lambda text: dict(remembered(text))


def _int64_or_double(number: int) -> float:
    return number if number in _INT64 else float(number)
