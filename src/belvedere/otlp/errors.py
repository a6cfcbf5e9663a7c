"""How an OTLP request can fail. `status.py` says what the client is told.

OtlpError
├── RequestError               the request is wrong: sending it again cannot help
│   ├── Malformed              its bytes are not what they should be
│   ├── TooLarge               it is over a limit, after decompression too
│   ├── UnsupportedMediaType   its Content-Type is none of OTLP's
│   ├── UnsupportedEncoding    its Content-Encoding is none that we know
│   ├── Unauthenticated        it has no valid bearer token
│   ├── Forbidden              a web page sent it that may not
│   ├── NotFound               there is nothing at its path
│   ├── MethodNotAllowed       its method is not POST
│   ├── TooSlow                its body did not come in time
│   └── NotAccepted            it is well-formed, but what follows will never take it
├── Unavailable                not now: try the same again, not before `after_s`
└── Internal                   our fault; the details are in the log
"""


class OtlpError(Exception):
    """A request failed. The text is fit to be sent to the client."""


class RequestError(OtlpError):
    """The request is wrong: sending it again cannot help."""


class Malformed(RequestError):  # noqa: N818 - reads as what is raised
    """The bytes are not what they should be: no protobuf, no JSON, a broken gzip stream, ..."""


class TooLarge(RequestError):  # noqa: N818 - reads as what is raised
    """The request is over a limit, as it came or after decompression."""


class UnsupportedMediaType(RequestError):  # noqa: N818 - HTTP's name for it
    """The Content-Type is none of OTLP's."""


class UnsupportedEncoding(RequestError):  # noqa: N818 - reads as what is raised
    """The Content-Encoding is none that we know."""


class Unauthenticated(RequestError):  # noqa: N818 - gRPC's name for it
    """There is no valid bearer token."""


class Forbidden(RequestError):  # noqa: N818 - HTTP's name for it
    """A web page sent it whose origin may not."""


class NotFound(RequestError):  # noqa: N818 - HTTP's name for it
    """There is nothing at this path."""


class MethodNotAllowed(RequestError):  # noqa: N818 - HTTP's name for it
    """Telemetry is sent by POST."""


class TooSlow(RequestError):  # noqa: N818 - reads as what is raised
    """The body did not come in time."""


class NotAccepted(RequestError):  # noqa: N818 - reads as what is raised
    """The request is well-formed, but what follows will never take it."""


class Unavailable(OtlpError):  # noqa: N818 - gRPC's name for it
    """Not now: the same request may be sent again after `after_s` seconds (None: when it likes)."""

    def __init__(self, message: str, *, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Internal(OtlpError):  # noqa: N818 - gRPC's name for it
    """Our fault. The text tells nothing of our inside; the log does."""
