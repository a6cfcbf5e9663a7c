"""The configuration of `filelog`."""

import codecs
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.duration import Duration, PositiveDuration, SizeBytes
from belvedere.collector.exporters.retry import RetryConfig
from belvedere.collector.receivers.filelog.operators import OPERATORS, places
from belvedere.collector.receivers.filelog.operators.container import ContainerConfig
from belvedere.collector.receivers.filelog.operators.filter import FilterConfig
from belvedere.collector.receivers.filelog.operators.moving import (
    AddConfig,
    CopyConfig,
    MoveConfig,
    NoopConfig,
    RemoveConfig,
    RetainConfig,
)
from belvedere.collector.receivers.filelog.operators.parsers import (
    JsonParserConfig,
    RegexParserConfig,
)
from belvedere.collector.receivers.filelog.operators.recombine import RecombineConfig
from belvedere.collector.receivers.filelog.operators.router import RouterConfig
from belvedere.collector.receivers.filelog.operators.severity import SeverityParserConfig
from belvedere.collector.receivers.filelog.operators.timestamp import TimeParserConfig
from belvedere.collector.receivers.filelog.operators.trace import TraceParserConfig
from belvedere.collector.regex import RegexText

AnyOperator = Annotated[
    AddConfig
    | ContainerConfig
    | CopyConfig
    | FilterConfig
    | JsonParserConfig
    | MoveConfig
    | NoopConfig
    | RecombineConfig
    | RegexParserConfig
    | RemoveConfig
    | RetainConfig
    | RouterConfig
    | SeverityParserConfig
    | TimeParserConfig
    | TraceParserConfig,
    Field(discriminator="type"),
]

_NOT_HERE: Final = {
    "header": "a regex_parser with an `if` reads lines of a header",
    "delete_after_read": "deleting files is left to whatever rotates them",
    "acquire_fs_lock": "files are read without locks",
    "ordering_criteria": "all files that match are read",
    "compression": "compressed files do not grow; unpack them",
    "max_batches": "there is no such limit",
    "polls_to_archive": "the last 10,000 files are remembered always",
}
"""Documented keys that this version does not have, and what to do instead."""


_TRANSFORM: Final = "in the processor transform write"
_INSTEAD: Final = {
    "assign_keys": f"{_TRANSFORM} ParseCSV(log.body, ...), which names the values",
    "csv_parser": f'{_TRANSFORM} merge_maps(log.attributes, ParseCSV(log.body, ...), "upsert")',
    "flatten": f"{_TRANSFORM} flatten(log.attributes)",
    "json_array_parser": f"{_TRANSFORM} set(log.body, ParseJSON(log.body))",
    "key_value_parser": (
        f'{_TRANSFORM} merge_maps(log.attributes, ParseKeyValue(log.body), "upsert")'
    ),
    "regex_replace": f"{_TRANSFORM} replace_pattern(log.body, ...)",
    "scope_name_parser": "write scope_name: {parse_from: ...} in a parser",
    "uri_parser": f'{_TRANSFORM} merge_maps(log.attributes, URL(log.body), "upsert")',
}
"""Operators of stanza that configurations have, and what does the same."""


class MultilineConfig(ComponentConfig):
    """`multiline`: records that are not lines."""

    line_start_pattern: RegexText = Field(
        "", description="Regular expression (RE2) of a record's beginning; ^ is a line's."
    )
    line_end_pattern: RegexText = Field(
        "", description="Regular expression (RE2) of a record's end; $ is a line's."
    )
    omit_pattern: bool = Field(
        False, description="Whether what the expression matches is left out of records."
    )

    @model_validator(mode="after")
    def _one_pattern(self) -> Self:
        if bool(self.line_start_pattern) == bool(self.line_end_pattern):
            raise ValueError("exactly one of line_start_pattern and line_end_pattern is required")
        return self


class ReadRetryConfig(RetryConfig):
    """`retry_on_failure` of a receiver: it is on, and does not end, as files can wait."""

    initial_interval: Duration = Field(1.0, description="Pause after the first refusal.")
    max_elapsed_time: Duration = Field(
        0.0, description="Time after which records are given up; 0s: never."
    )


class FileLogConfig(ComponentConfig):
    """`receivers::filelog`."""

    include: list[str] = Field(
        min_length=1, description="Globs of files that are read; ** is any number of directories."
    )
    exclude: list[str] = Field(
        default_factory=list, description="Globs of files that are not, of those."
    )
    exclude_older_than: Duration = Field(
        0.0, description="Files that were not written for so long are not read; 0s: no limit."
    )
    start_at: Literal["beginning", "end"] = Field(
        "end",
        description="Where files are begun that are there at the first start; later ones, and all"
        " if there are checkpoints, at the beginning.",
    )
    poll_interval: PositiveDuration = Field(0.2, description="Pause between two looks at files.")
    multiline: MultilineConfig | None = Field(
        None, description="How records are told apart; absent: each line is one."
    )
    force_flush_period: Duration = Field(
        0.5, description="Time without new data after which a last part is a record; 0s: never."
    )
    encoding: str = Field(
        "utf-8", description="Encoding of the files; nop: bodies are bytes as they are."
    )
    preserve_leading_whitespaces: bool = Field(
        False, description="Whether white space before a record is kept."
    )
    preserve_trailing_whitespaces: bool = Field(
        False, description="Whether white space after a record is kept."
    )
    include_file_name: bool = Field(True, description="Whether log.file.name is set.")
    include_file_path: bool = Field(False, description="Whether log.file.path is set.")
    include_file_name_resolved: bool = Field(
        False, description="Whether log.file.name_resolved is set, after symbolic links."
    )
    include_file_path_resolved: bool = Field(
        False, description="Whether log.file.path_resolved is set, after symbolic links."
    )
    include_file_owner_name: bool = Field(False, description="Whether log.file.owner.name is set.")
    include_file_owner_group_name: bool = Field(
        False, description="Whether log.file.owner.group.name is set."
    )
    include_file_record_number: bool = Field(
        False, description="Whether log.file.record_number is set, from 1."
    )
    include_file_record_offset: bool = Field(
        False, description="Whether log.file.record_offset is set: of the record's first byte."
    )
    fingerprint_size: SizeBytes = Field(
        1000, ge=16, description="Bytes at the beginning of a file by which it is known again."
    )
    initial_buffer_size: SizeBytes = Field(
        16 << 10, description="Least size of a read; it is max_log_size where that is more."
    )
    max_log_size: SizeBytes = Field(
        1 << 20, ge=64, description="Size of a record; a longer one becomes several."
    )
    max_concurrent_files: int = Field(
        1024, ge=2, description="Files that are open at once; the others are read after them."
    )
    attributes: dict[str, str] = Field(
        default_factory=dict, description="Attributes of each record."
    )
    resource: dict[str, str] = Field(
        default_factory=dict, description="Attributes of the resource of each record."
    )
    operators: list[AnyOperator] = Field(
        default_factory=list, description="What is done to each record, in this order."
    )
    storage: str | None = Field(
        None, description="Extension file_storage that keeps how far files were read."
    )
    retry_on_failure: ReadRetryConfig = Field(
        default_factory=ReadRetryConfig,
        description="What happens when the pipeline refuses records: reading pauses.",
    )
    header: None = Field(None, description="Not in this version.")
    delete_after_read: Literal[False] = Field(False, description="Not in this version.")
    acquire_fs_lock: Literal[False] = Field(False, description="Not in this version.")
    ordering_criteria: None = Field(None, description="Not in this version.")
    compression: Literal[""] = Field("", description="Not in this version.")
    max_batches: Literal[0] = Field(0, description="Not in this version.")
    polls_to_archive: Literal[0] = Field(0, description="Not in this version.")

    @field_validator(*_NOT_HERE, mode="before")
    @classmethod
    def _not_here(cls, value: Any, info: Any) -> Any:
        if value:
            raise ValueError(f"this version does not have it: {_NOT_HERE[info.field_name]}")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            end = "\n".encode(codec(value))
        except LookupError:
            raise ValueError(f"there is no encoding {value!r}; write one like utf-8") from None
        if end not in {b"\n", b"\n\0", b"\0\n"}:
            raise ValueError(f"{value!r} does not say its byte order; write utf-16le or utf-16be")
        return value

    @field_validator("attributes", "resource")
    @classmethod
    def _constants(cls, value: dict[str, str]) -> dict[str, str]:
        for text in value.values():
            if "EXPR(" in text:
                raise ValueError(
                    f"{text!r}: EXPR(...) is not supported; write ${{env:NAME}} for a variable of"
                    " the environment, and use an operator for all else"
                )
        return value

    @field_validator("operators", mode="before")
    @classmethod
    def _known_operators(cls, value: Any) -> Any:
        for each in value if isinstance(value, list) else []:
            name = each.get("type") if isinstance(each, dict) else None
            if name not in OPERATORS:
                instead = _INSTEAD.get(str(name), f"there are {', '.join(OPERATORS)}")
                raise ValueError(f"there is no operator {name!r} in this version; {instead}")
        return value

    @model_validator(mode="after")
    def _operators_lead_on(self) -> Self:
        places(self.operators)
        if self.multiline and "\n".encode(codec(self.encoding)) != b"\n":
            raise ValueError(f"multiline is not supported with the encoding {self.encoding}")
        return self


def codec(encoding: str) -> str:
    """Python's name of an encoding.

    Raises:
        LookupError: there is none.
    """
    return codecs.lookup({"nop": "latin-1", "utf8-raw": "utf-8"}.get(encoding, encoding)).name
