"""The caller of a request: which project, and whether it may see others."""

from dataclasses import dataclass

from starlette.requests import Request

from belvedere.api.errors import ApiError
from belvedere.api.state import AppState
from belvedere.collector.receivers.otlp.access import project_of_token
from belvedere.collector.receivers.otlp.config import ALL_PROJECTS
from belvedere.otlp.batch import PROJECT_NAME_RULE, is_project_name

PROJECT_HEADER = "X-Scope-OrgID"
"""The tenant header of Loki, Mimir and Tempo."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller who may ask."""

    project: str
    confined: bool
    """Whether other projects are out of reach."""


def caller(request: Request, state: AppState) -> Caller:
    """Return the caller of `request`: with tokens the owner of its token, else anyone.

    Raises:
        ApiError: 401 without a valid token where tokens are set; 403 for another's project; 400
            if the project that the request names cannot be one.
    """
    own = _project_of_token(request, state) if state.tokens else ALL_PROJECTS
    named = request.headers.getlist(PROJECT_HEADER)
    wanted = named[0] if named else ""
    if len(named) > 1 or (wanted and not is_project_name(wanted)):
        raise ApiError(
            400,
            f"invalid project in {PROJECT_HEADER}: expected one name, {PROJECT_NAME_RULE}",
            code="INVALID_PROJECT",
        )
    if own == ALL_PROJECTS:
        return Caller(wanted or state.default_project, confined=False)
    if wanted not in ("", own):
        raise ApiError(
            403, f"this token opens the project {own!r} only, not {wanted!r}", code="FORBIDDEN"
        )
    return Caller(own, confined=True)


def _project_of_token(request: Request, state: AppState) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    is_bearer = scheme.lower() == "bearer"
    project = project_of_token(token.strip(), state.tokens) if is_bearer else None
    if project is None:
        raise ApiError(
            401,
            "a valid token is needed: send the header 'Authorization: Bearer TOKEN'"
            " (on the command line: --token or BELVEDERE_TOKEN)",
            code="UNAUTHENTICATED",
            headers={"WWW-Authenticate": 'Bearer realm="belvedere"'},
        )
    return project
