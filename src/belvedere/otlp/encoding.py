"""The two encodings of OTLP/HTTP, and how a request names the one that it uses."""

from enum import StrEnum
from typing import Self

from belvedere.otlp.errors import UnsupportedMediaType


class Encoding(StrEnum):
    """How requests and answers are written; the value is the media type."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"

    @classmethod
    def of_content_type(cls, content_type: str) -> Self:
        """The encoding that a Content-Type header names. Parameters (a charset) are ignored.

        Raises:
            UnsupportedMediaType: OTLP has no such encoding.
        """
        media_type = content_type.partition(";")[0].strip().lower()
        try:
            return cls(media_type)
        except ValueError:
            known = " or ".join(cls)
            named = repr(media_type[:100]) if media_type else "none"
            raise UnsupportedMediaType(
                f"the Content-Type must be {known}, and is {named}"
            ) from None
