"""Guard against requests that web pages of other sites make with their visitor's browser.

Such a page cannot read the answer, but the query would run, and on a server without tokens data
would be written. Browsers say in `Sec-Fetch-Site` where a request comes from, and older ones, or
those of a plain http:// page, in `Origin`; pages can forge neither. What sends none of the two is
not a browser. The order of the checks is that of Go's `net/http.CrossOriginProtection`.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from belvedere.api.errors import ApiError, answer_api_error

_OWN: Final = frozenset({"same-origin", "none"})
"""Values of `Sec-Fetch-Site`: a page of this server, or the user (an address typed, a bookmark)."""
_SQL: Final = "/api/sql"
_FORMS: Final = frozenset({"multipart/form-data", "text/plain"})
"""What forms of other sites can send, and no client of ours needs."""


class SameSiteOnly:
    """ASGI middleware that refuses cross-site requests, except links to what is no SQL."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = _problem(scope) if scope["type"] == "http" else None
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await answer_api_error(problem)(scope, receive, send)


def _problem(scope: Scope) -> ApiError | None:
    """Why a request is refused; None if it is not."""
    headers = Headers(scope=scope)
    if _is_of_another_site(headers) and (scope["path"] == _SQL or not _is_link(scope, headers)):
        return ApiError(
            403,
            "pages of other sites may not use this API; open its address itself, or ask with a"
            " program that is not a browser",
            code="CROSS_SITE",
        )
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if scope["path"] == _SQL and scope["method"] == "POST" and media_type in _FORMS:
        return ApiError(
            415,
            f"unsupported Content-Type {media_type}, which forms of other sites can send: expected"
            " application/json, application/x-www-form-urlencoded, or application/sql for a"
            " statement alone",
            code="UNSUPPORTED_MEDIA_TYPE",
        )
    return None


def _is_of_another_site(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in _OWN
    origin = headers.get("origin")
    host = headers.get("host", "").lower()
    return origin is not None and origin.partition("://")[2].lower() != host


def _is_link(scope: Scope, headers: Headers) -> bool:
    """Whether the user followed a link, as those in notifications of alerts."""
    return (
        scope["method"] in {"GET", "HEAD"}
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )
