"""The line that an HTTP client logs per request is not logged, unless the application wants it."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from log_samples import Exported

from belvedere.sdk.logging.clients import CLIENTS
from belvedere.sdk.logging.setup import configure


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    before = {name: logging.getLogger(name).level for name in CLIENTS}
    for name in CLIENTS:
        logging.getLogger(name).setLevel(logging.NOTSET)
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize(
    ("level", "of_root", "of_client", "expected"),
    [
        ("info", None, None, ["slow down"]),
        ("warning", None, None, ["slow down"]),
        ("debug", None, None, ["HTTP Request", "slow down"]),
        ("info", logging.DEBUG, None, ["HTTP Request", "slow down"]),
        ("info", logging.INFO, None, ["slow down"]),
        ("info", None, logging.INFO, ["HTTP Request", "slow down"]),
        ("info", None, logging.ERROR, []),
    ],
)
def test_lines_of_clients(
    level: str,
    of_root: int | None,
    of_client: int | None,
    expected: list[str],
    *,
    exported: Exported,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = logging.getLogger("httpx")
    if of_root is not None:
        monkeypatch.setattr(logging.getLogger(), "level", of_root)
    if of_client is not None:
        client.setLevel(of_client)
    options: Any = {"environment": "production", "service_name": "s"}
    undo = configure(exported.provider, level=level, **options)
    client.info("HTTP Request")
    client.warning("slow down")
    undo()
    assert [record.body for record in exported.records] == expected
    assert client.level == (of_client or logging.NOTSET)
