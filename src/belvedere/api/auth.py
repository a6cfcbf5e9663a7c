"""Who asks: which project, and whether the caller may see others."""

import hmac
from dataclasses import dataclass

from starlette.requests import Request

from belvedere.api.errors import ApiError
from belvedere.api.state import AppState

PROJECT_HEADER = "X-Scope-OrgID"
"""The tenant header of Loki, Mimir and Tempo."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller who may ask."""

    project: str
    confined: bool
    """Whether other projects are out of reach."""


def caller(request: Request, state: AppState) -> Caller:
    """Who sent `request`.

    Raises:
        ApiError: 401 without a valid token where one is asked for; 403 for another's project.
    """
    wanted = request.headers.get(PROJECT_HEADER, "")
    if not state.tokens:
        return Caller(wanted or state.default_project, confined=False)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    project = _project(token.strip(), state) if scheme.lower() == "bearer" else None
    if project is None:
        raise ApiError(
            401,
            "a valid token is needed: send the header 'Authorization: Bearer TOKEN'"
            " (on the command line: --token or BELVEDERE_TOKEN)",
            code="UNAUTHENTICATED",
            headers={"WWW-Authenticate": 'Bearer realm="belvedere"'},
        )
    if wanted not in ("", project):
        raise ApiError(
            403, f"this token opens the project {project!r} only, not {wanted!r}", code="FORBIDDEN"
        )
    return Caller(project, confined=True)


def _project(token: str, state: AppState) -> str | None:
    """The project of a token, found in a time that tells nothing about the tokens."""
    found = None
    for known, project in state.tokens.items():
        if hmac.compare_digest(token.encode(), known.encode()):
            found = project
    return found
