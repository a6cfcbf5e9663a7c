"""From the body of a request to a `Batch`: parsed, validated, in canonical form if need be."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from google.protobuf.message import DecodeError

from belvedere.otlp.batch import DEFAULT_PROJECT, Batch
from belvedere.otlp.compression import decompress
from belvedere.otlp.density import check_density
from belvedere.otlp.encoding import Encoding
from belvedere.otlp.errors import Malformed, TooLarge
from belvedere.otlp.json import parse_json
from belvedere.otlp.signal import ExportRequest, Signal
from belvedere.otlp.validate import validate

_NO_MEMORY: Final = "alloc failed"
"""In the text of protobuf's error."""


class AsReceived:
    """Among the services of a process: nothing in it needs canonical bytes.

    Valid protobuf requests then stay as they came, which is half the work. A process with a store
    must not have it.
    """


@dataclass(frozen=True, slots=True)
class Decoded:
    """A request that was understood."""

    batch: Batch
    """All that is valid in it. May be empty."""
    rejected: int
    """Items that are not."""
    message: str
    """Why, for the client; with nothing rejected, a warning; empty if all is well."""


def decode(
    signal: Signal,
    body: bytes,
    encoding: Encoding = Encoding.PROTOBUF,
    *,
    project: str = DEFAULT_PROJECT,
    metadata: Mapping[str, tuple[str, ...]] | None = None,
    canonical: bool = True,
    most_records: int = sys.maxsize,
) -> Decoded:
    """Read an export request.

    Canonical bytes are what protobuf's own writer makes of the parsed request: known fields only,
    each once, with its own wire type, in order. Parsers tolerate other forms (a field that is
    given twice, groups, 2 for true, ...) and do not agree on what they mean; ClickHouse reads some
    of them differently, and fails on others. What reads with the official messages needs no such
    form.

    Args:
        signal: whose request it is.
        body: not compressed.
        encoding: of the body.
        project: for the batch.
        metadata: for the batch.
        canonical: whether the batch's bytes are canonical; if not, valid protobuf stays as it is,
            with unknown fields.
        most_records: resources, scopes and records together that are validated.

    Raises:
        TooManyRecordsError: if it has more.
        Malformed: it is no such request.
        TooLarge: it would need unreasonably much memory.
    """
    message = _PARSERS[encoding](signal, body)
    findings = validate(signal, message, most_records=most_records)
    if canonical:
        message.DiscardUnknownFields()
    as_it_is = encoding is Encoding.PROTOBUF and not canonical and not findings.changed
    data = body if as_it_is else message.SerializeToString()
    batch = Batch(
        signal,
        data,
        findings.kept,
        project,
        metadata or {},
        message,
    )
    return Decoded(batch, findings.rejected, findings.message)


def decode_body(
    signal: Signal,
    body: bytes,
    coding: str,
    encoding: Encoding,
    *,
    limit_bytes: int,
    canonical: bool,
) -> Decoded:
    """Decompress and decode a request as bytes alone, which another process can be given."""
    content = decompress(body, coding, limit_bytes=limit_bytes)
    decoded = decode(signal, content, encoding, canonical=canonical)
    return replace(decoded, batch=decoded.batch.with_data(decoded.batch.data))


def _parse_protobuf(signal: Signal, body: bytes) -> ExportRequest:
    check_density(body)
    try:
        message = signal.request_type.FromString(body)
    except DecodeError as error:
        if _NO_MEMORY in str(error):
            raise TooLarge("decoding the request needs many times the memory of its size") from None
        raise Malformed(f"the body is not valid protobuf: {error}") from None
    return message


_PARSERS: Final[dict[Encoding, Callable[[Signal, bytes], ExportRequest]]] = {
    Encoding.PROTOBUF: _parse_protobuf,
    Encoding.JSON: parse_json,
}
