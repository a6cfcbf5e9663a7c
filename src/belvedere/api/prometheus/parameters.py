"""What Prometheus's endpoints are asked with: in the URL, in a form, or in both."""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
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
_MAX_FIELDS: Final = 10_000
_MAX_MS: Final = 1 << 62
"""Of times: offsets and look-back are added to them, within 64 bits."""
_MAX_DURATION_S: Final = (1 << 63) / 1e9
"""Go's longest: 292 years."""
_FLOAT: Final = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?|nan)", re.IGNORECASE
)
_MAX_DIGITS: Final = 19
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
MIN_TIME_MS: Final = -(1 << 53)
MAX_TIME_MS: Final = 1 << 53
"""What stands for "not given", as upstream's minTime and maxTime."""
_ENDS_OF_TIME: Final = {
    "-292273086-05-16T16:47:06Z": MIN_TIME_MS,
    "292277025-08-18T07:12:54.999999999Z": MAX_TIME_MS,
}


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
            BadData: the form is too long.
        """
        pairs = _pairs(request.url.query)
        form = "application/x-www-form-urlencoded"
        if request.method == "POST" and form in request.headers.get("content-type", "").lower():
            body = bytearray()
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MAX_FORM_BYTES:
                    raise BadData(f"the form is longer than {_MAX_FORM_BYTES} bytes")
            pairs = _pairs(body.decode("utf-8", "surrogateescape")) + pairs
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
        if default is None:
            return self._parsed(name, None, parse_time_ms)
        return self._parsed(name, default, lambda text: _named_time_ms(name, text))

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
        reason = ""
        if not _INTEGER.fullmatch(text):
            reason = "invalid syntax"
        elif len(text) > _MAX_DIGITS or abs(int(text)) >= 1 << 63:
            reason = "value out of range"
        if reason:
            reason = f"strconv.ParseInt: parsing {quote(text)}: {reason}"
            raise BadData(f"invalid parameter {quote(name)}: {reason}")
        limit = int(text)
        if limit < 0:
            raise BadData(f"invalid parameter {quote(name)}: {name} must be non-negative")
        return limit

    def number(self, name: str) -> int:
        """A number of results; -1 if it is not there.

        Raises:
            BadData: it is no number.
        """
        text = self.text(name) or "-1"
        if not _INTEGER.fullmatch(text) or len(text) > _MAX_DIGITS:
            raise BadData(f"{name} must be a number")
        return int(text)

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


def _pairs(text: str) -> list[tuple[str, str]]:
    """The fields of a form or of a URL; bytes that are no UTF-8 become surrogates."""
    try:
        return parse_qsl(
            text, keep_blank_values=True, errors="surrogateescape", max_num_fields=_MAX_FIELDS
        )
    except ValueError:
        raise BadData(f"the request has more than {_MAX_FIELDS} parameters") from None


def parse_time_ms(text: str) -> int:
    """Milliseconds since 1970 of seconds, RFC 3339, or the ends of time as upstream prints them.

    Raises:
        ValueError: the text is none of them.
    """
    wrong = ValueError(f"cannot parse {quote(text)} to a valid timestamp")
    if _FLOAT.fullmatch(text):
        time_s = float(text)
        if not abs(time_s) * 1000 < _MAX_MS:
            raise wrong
        part_s, seconds = math.modf(time_s)
        return int(seconds) * 1000 + math.floor(part_s * 1000 + 0.5)
    if text in _ENDS_OF_TIME:
        return _ENDS_OF_TIME[text]
    if not _RFC3339.fullmatch(text):
        raise wrong
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise wrong from None
    return (moment - _EPOCH) // _MILLISECOND


def _named_time_ms(name: str, text: str) -> int:
    """As upstream, parameters that may be left out are named twice in their errors."""
    try:
        return parse_time_ms(text)
    except ValueError as error:
        raise ValueError(f"invalid time value for '{name}': {error}") from None


def parse_duration_ms(text: str) -> int:
    """Milliseconds of seconds, or of a duration of Prometheus.

    Raises:
        ValueError: the text is neither.
    """
    if _FLOAT.fullmatch(text):
        seconds = float(text)
        if not abs(seconds) <= _MAX_DURATION_S:
            raise ValueError(f"cannot parse {quote(text)} to a valid duration. It overflows int64")
        return round(seconds * 1000)
    try:
        return parse_duration(text)
    except ValueError:
        raise ValueError(f"cannot parse {quote(text)} to a valid duration") from None
