"""What Prometheus's endpoints are asked with: in the URL, in a form, or in both."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from belvedere.api.prometheus.answers import BadData
from belvedere.query.go_format import quote
from belvedere.query.promql.duration import parse_duration
from belvedere.query.promql.errors import ParseError
from belvedere.query.promql.matcher import Matcher
from belvedere.query.promql.parse import parse_selector

_MAX_FORM_BYTES: Final = 4 << 20
_MAX_MS: Final = (1 << 63) - 1
MIN_TIME_MS: Final = -(1 << 53)
MAX_TIME_MS: Final = 1 << 53
"""What stands for "not given", as upstream's minTime and maxTime."""


class Parameters:
    """The parameters of one request. Errors name the parameter, in upstream's words."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    @classmethod
    async def of(cls, request: Request) -> "Parameters":
        """Those of the form before those of the URL, as Go's `Request.Form` has them.

        Raises:
            BadData: the form is too long or no text.
        """
        pairs = list(request.query_params.multi_items())
        form = "application/x-www-form-urlencoded"
        if request.method == "POST" and form in request.headers.get("content-type", ""):
            body = bytearray()
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MAX_FORM_BYTES:
                    raise BadData(f"the form is longer than {_MAX_FORM_BYTES} bytes")
            try:
                pairs = parse_qsl(body.decode(), keep_blank_values=True) + pairs
            except ValueError as error:
                raise BadData(f"the form cannot be read: {error}") from None
        return cls(pairs)

    def text(self, name: str, default: str = "") -> str:
        """The first value of a parameter."""
        return self._values.get(name, [default])[0]

    def texts(self, name: str) -> list[str]:
        """All values of a parameter."""
        return self._values.get(name, [])

    def time_ms(self, name: str, default: int | None = None) -> int:
        """A time: seconds since 1970, or RFC 3339.

        Raises:
            BadData: it is none, or is not there and has no default.
        """
        return self._parsed(name, default, parse_time_ms)

    def duration_ms(self, name: str, default: int | None = None) -> int:
        """A duration: seconds, or `5m` and the like.

        Raises:
            BadData: it is none, or is not there and has no default.
        """
        return self._parsed(name, default, parse_duration_ms)

    def _parsed(self, name: str, default: int | None, parse: Callable[[str], int]) -> int:
        text = self.text(name)
        if not text and default is not None:
            return default
        try:
            return parse(text)
        except ValueError as error:
            raise BadData(f"invalid parameter {quote(name)}: {error}") from None

    def limit(self, name: str = "limit") -> int:
        """A number of results; 0: all.

        Raises:
            BadData: it is no number, or below 0.
        """
        text = self.text(name) or "0"
        try:
            limit = int(text)
        except ValueError:
            reason = f"strconv.ParseInt: parsing {quote(text)}: invalid syntax"
            raise BadData(f"invalid parameter {quote(name)}: {reason}") from None
        if limit < 0:
            raise BadData(f"invalid parameter {quote(name)}: {name} must be non-negative")
        return limit

    def selectors(self, *, required: bool = False) -> list[tuple[Matcher, ...]]:
        """`match[]`: what series are asked for.

        Raises:
            BadData: one is no selector, or matches everything; or there is none.
        """
        texts = self.texts("match[]")
        if required and not texts:
            raise BadData("no match[] parameter provided")
        try:
            found = [parse_selector(text) for text in texts]
        except ParseError as error:
            raise BadData(f'invalid parameter "match[]": {error}') from None
        for matchers in found:
            if all(matcher.matches("") for matcher in matchers):
                reason = "match[] must contain at least one non-empty matcher"
                raise BadData(f'invalid parameter "match[]": {reason}')
        return found


def parse_time_ms(text: str) -> int:
    """Milliseconds since 1970 of seconds, RFC 3339, or the ends of time as upstream prints them.

    Raises:
        ValueError: the text is none of them.
    """
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None or "T" not in text:
            raise ValueError(f"cannot parse {quote(text)} to a valid timestamp") from None
        return round(moment.timestamp() * 1000)
    if not math.isfinite(seconds) or abs(seconds) * 1000 > _MAX_MS:
        raise ValueError(f"cannot parse {quote(text)} to a valid timestamp")
    return round(seconds * 1000)


def parse_duration_ms(text: str) -> int:
    """Milliseconds of seconds, or of a duration of Prometheus.

    Raises:
        ValueError: the text is neither.
    """
    try:
        seconds = float(text)
    except ValueError:
        try:
            return parse_duration(text)
        except ValueError:
            raise ValueError(f"cannot parse {quote(text)} to a valid duration") from None
    if not math.isfinite(seconds) or abs(seconds) * 1000 > _MAX_MS:
        raise ValueError(f"cannot parse {quote(text)} to a valid duration. It overflows int64")
    return round(seconds * 1000)
