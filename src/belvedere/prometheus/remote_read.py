"""Remote read: what Prometheus asks other stores for, `prometheus.ReadRequest` and its answer.

Answers have the type `SAMPLES`, which every client takes (specification "Prometheus Remote Read").
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from google.protobuf.message import DecodeError

from belvedere.otlp.varint import write_varint
from belvedere.prometheus.errors import MalformedError
from belvedere.prometheus.message_table import message_classes
from belvedere.prometheus.model import Series
from belvedere.prometheus.remote_write import v1

_MESSAGES: Final = message_classes(
    "prometheus",
    {
        "ReadRequest": "1 queries Query*\n 2 accepted_response_types int32*",
        "Query": """
            1 start_timestamp_ms int64
            2 end_timestamp_ms int64
            3 matchers LabelMatcher*
        """,
        "LabelMatcher": "1 type int32\n 2 name string\n 3 value string",
    },
)
_ReadRequest: Final[Any] = _MESSAGES["ReadRequest"]
_RESULT_TAG: Final = b"\x0a"
"""Of `ReadResponse.results`: field 1, length-delimited."""


class MatcherType(IntEnum):
    """`LabelMatcher.Type`."""

    EQUAL = 0
    NOT_EQUAL = 1
    REGEX = 2
    NOT_REGEX = 3


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """What is asked for: series that all matchers match, in `[start_ms, end_ms]`."""

    start_ms: int
    end_ms: int
    matchers: tuple[tuple[MatcherType, str, str], ...]
    """Type, label, value."""


def encode_request(queries: Iterable[ReadQuery]) -> bytes:
    """A request, uncompressed."""
    request = _ReadRequest()
    for query in queries:
        message = request.queries.add(
            start_timestamp_ms=query.start_ms, end_timestamp_ms=query.end_ms
        )
        for type_, name, value in query.matchers:
            message.matchers.add(type=type_, name=name, value=value)
    data: bytes = request.SerializeToString()
    return data


def decode_request(data: bytes) -> list[ReadQuery]:
    """The queries of a request.

    Raises:
        MalformedError: the bytes are no such request.
    """
    try:
        request = _ReadRequest.FromString(data)
        return [
            ReadQuery(
                query.start_timestamp_ms,
                query.end_timestamp_ms,
                tuple((MatcherType(each.type), each.name, each.value) for each in query.matchers),
            )
            for query in request.queries
        ]
    except (DecodeError, ValueError) as error:
        raise MalformedError(f"the body is no prometheus.ReadRequest: {error}") from None


def encode_response(results: Iterable[Iterable[Series]]) -> bytes:
    """The answer to each query, uncompressed.

    A `QueryResult` has its series where a `WriteRequest` has them.
    """
    parts = []
    for series in results:
        result = v1.encode(series)
        parts += [_RESULT_TAG, write_varint(len(result)), result]
    return b"".join(parts)
