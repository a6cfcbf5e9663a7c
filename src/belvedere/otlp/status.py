"""What a client is told of an error: HTTP status or gRPC code, body, headers, when to try again.

The only place that maps errors to codes. Rules: OTLP specification 1.11, "Failures" and
"OTLP/HTTP Response".
"""

import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import grpc
import orjson
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from belvedere.otlp import errors
from belvedere.otlp.encoding import Encoding

_CODES: Final[dict[type[errors.OtlpError], tuple[HTTPStatus, grpc.StatusCode]]] = {
    errors.Malformed: (HTTPStatus.BAD_REQUEST, grpc.StatusCode.INVALID_ARGUMENT),
    # Without RetryInfo, RESOURCE_EXHAUSTED means: do not try again.
    errors.TooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, grpc.StatusCode.RESOURCE_EXHAUSTED),
    errors.UnsupportedMediaType: (
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        grpc.StatusCode.INVALID_ARGUMENT,
    ),
    errors.UnsupportedEncoding: (
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        grpc.StatusCode.UNIMPLEMENTED,
    ),
    errors.Unauthenticated: (HTTPStatus.UNAUTHORIZED, grpc.StatusCode.UNAUTHENTICATED),
    errors.Forbidden: (HTTPStatus.FORBIDDEN, grpc.StatusCode.PERMISSION_DENIED),
    errors.NotFound: (HTTPStatus.NOT_FOUND, grpc.StatusCode.NOT_FOUND),
    errors.MethodNotAllowed: (HTTPStatus.METHOD_NOT_ALLOWED, grpc.StatusCode.UNIMPLEMENTED),
    errors.TooSlow: (HTTPStatus.REQUEST_TIMEOUT, grpc.StatusCode.DEADLINE_EXCEEDED),
    errors.NotAccepted: (HTTPStatus.BAD_REQUEST, grpc.StatusCode.INVALID_ARGUMENT),
    errors.Unavailable: (HTTPStatus.SERVICE_UNAVAILABLE, grpc.StatusCode.UNAVAILABLE),
    errors.Internal: (HTTPStatus.INTERNAL_SERVER_ERROR, grpc.StatusCode.INTERNAL),
}

_EXTRA_HEADERS: Final[dict[type[errors.OtlpError], tuple[str, str]]] = {
    errors.Unauthenticated: ("www-authenticate", "Bearer"),
    errors.MethodNotAllowed: ("allow", "POST"),
}

_MAX_MESSAGE_CHARS: Final = 1000
"""gRPC sends the text in a header, and clients limit those to 8 KiB."""

_STATUS_DETAILS_KEY: Final = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An error over HTTP."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class GrpcAnswer:
    """An error over gRPC."""

    code: grpc.StatusCode
    message: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


def http_answer(error: errors.OtlpError, encoding: Encoding) -> HttpAnswer:
    """The answer over HTTP: its body is a `google.rpc.Status` in the encoding of the request."""
    http_status, _ = _CODES[type(error)]
    status = _status(error)
    headers = [("content-type", str(encoding))]
    if extra := _EXTRA_HEADERS.get(type(error)):
        headers.append(extra)
    if isinstance(error, errors.Unavailable) and error.after_s is not None:
        headers.append(("retry-after", str(math.ceil(error.after_s))))
    if encoding is Encoding.JSON:
        body = orjson.dumps(json_format.MessageToDict(status))
    else:
        body = status.SerializeToString()
    return HttpAnswer(http_status, headers, body)


def grpc_answer(error: errors.OtlpError) -> GrpcAnswer:
    """The answer over gRPC. When to try again stands in the trailing metadata, as RetryInfo."""
    _, code = _CODES[type(error)]
    status = _status(error)
    trailing = ((_STATUS_DETAILS_KEY, status.SerializeToString()),) if status.details else ()
    return GrpcAnswer(code, status.message, trailing)


def _status(error: errors.OtlpError) -> Any:
    """The error as `google.rpc.Status`."""
    _, code = _CODES[type(error)]
    number: int = code.value[0]
    status = Status(code=number, message=str(error)[:_MAX_MESSAGE_CHARS])
    if isinstance(error, errors.Unavailable) and error.after_s is not None:
        delay = Duration()
        delay.FromNanoseconds(int(error.after_s * 1e9))
        status.details.add().Pack(RetryInfo(retry_delay=delay))
    return status
