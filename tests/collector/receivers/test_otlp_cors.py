"""Browsers."""

from collections.abc import Callable

import httpx
import pytest
from otlp_doors import JSON, PROTOBUF, REQUESTS, Doors

from belvedere.otlp.signal import Signal

CORS = {
    "allowed_origins": ["https://app.example.com", "https://*.test"],
    "allowed_headers": ["X-Scope-OrgID"],
    "max_age": 600,
}


def preflight(doors: Doors, origin: str, headers: str = "content-type") -> httpx.Response:
    return doors.client.options(
        "/v1/traces",
        headers={
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": headers,
        },
    )


def test_off_by_default(doors: Doors) -> None:
    assert preflight(doors, "https://app.example.com").status_code == 405
    answer = doors.post(b"{}", {**JSON, "origin": "https://app.example.com"})
    assert answer.status_code == 403
    assert "--cors-origin" in answer.json()["message"]
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://app.example.com", True),
        ("https://a.b.test", True),
        ("https://evil.example.com", False),
        ("http://app.example.com", False),
        ("https://a.test.evil.com", False),
        ("https://app.example.com.evil.com", False),
        ("https://APP.example.com", False),
        ("null", False),
        ("", False),
    ],
)
def test_origins(open_doors: Callable[..., Doors], origin: str, allowed: bool) -> None:  # noqa: FBT001 - a column of the table
    doors = open_doors(http={"cors": CORS})
    expected = origin if allowed else None
    asked = preflight(doors, origin, "content-type, x-scope-orgid")
    assert asked.is_success == allowed
    assert asked.headers.get("access-control-allow-origin") == expected
    sent = doors.post(REQUESTS[Signal.TRACES].SerializeToString(), {**PROTOBUF, "origin": origin})
    assert sent.status_code == (200 if allowed else 403)
    assert bool(doors.batches) == allowed
    assert sent.headers.get("access-control-allow-origin") == expected


def test_what_the_browser_is_told(open_doors: Callable[..., Doors]) -> None:
    answer = preflight(open_doors(http={"cors": CORS}), "https://app.example.com")
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-max-age"] == "600"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "X-Scope-OrgID" in answer.headers["access-control-allow-headers"]


def test_headers_that_are_not_allowed(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors(http={"cors": CORS})
    assert preflight(doors, "https://app.example.com", "x-other").status_code == 400


def test_all_origins(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors(http={"cors": {"allowed_origins": ["*"]}})
    assert preflight(doors, "https://anywhere.org").is_success


def test_errors_can_be_read_by_pages(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors(http={"cors": CORS})
    answer = doors.post(b"{", {**JSON, "origin": "https://app.example.com"})
    assert answer.status_code == 400
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
