"""Tokens, projects and authenticators."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from otlp_doors import PROTOBUF, Doors, traces

from belvedere.collector.errors import ConfigError
from belvedere.collector.receivers.otlp.access import (
    Access,
    Headers,
    metadata_of,
    read_tokens,
)
from belvedere.otlp.batch import CLIENT_ADDRESS
from belvedere.otlp.errors import Malformed, Unauthenticated

GOOD = traces().SerializeToString()
TOKENS = {"s3cret": "team-1", "tök€n": "team-2"}


@pytest.mark.parametrize(
    ("headers", "project"),
    [
        ({}, "default"),
        ({"x-scope-orgid": ("Team_1-a",)}, "Team_1-a"),
        ({"x-scope-orgid": ("x" * 64,)}, "x" * 64),
        ({"authorization": ("Bearer whatever",)}, "default"),
    ],
    ids=["default", "header", "longest", "no tokens here"],
)
def test_without_tokens_the_header_names_the_project(headers: Headers, project: str) -> None:
    assert Access({}).project(headers) == project


@pytest.mark.parametrize(
    "named",
    [
        *(("",), ("x" * 65,), ("a b",), ("a/b",), ("a.b",), ("ä",), ("a\n",), ("a", "b"), ("a|b",)),
        *(("*",), ("system",), ("INFORMATION_SCHEMA",), ("_temporary_and_external_tables",)),
    ],
    ids=repr,
)
def test_what_cannot_be_a_project(named: tuple[str, ...]) -> None:
    with pytest.raises(Malformed, match="X-Scope-OrgID"):
        Access({}).project({"x-scope-orgid": named})


@pytest.mark.parametrize(
    ("authorization", "project"),
    [
        ("Bearer s3cret", "team-1"),
        ("bearer  s3cret ", "team-1"),
        ("Bearer tök€n", "team-2"),
    ],
)
def test_tokens_choose_the_project(authorization: str, project: str) -> None:
    headers = {"authorization": (authorization,), "x-scope-orgid": ("other",)}
    assert Access(TOKENS).project(headers) == project


@pytest.mark.parametrize(
    ("headers", "project"),
    [({}, "default"), ({"x-scope-orgid": ("team-2",)}, "team-2")],
    ids=["default", "header"],
)
def test_an_operator_s_token_lets_the_header_choose(headers: Headers, project: str) -> None:
    shown = {"authorization": ("Bearer chief",), **headers}
    assert Access({"chief": "*", "s3cret": "team-1"}).project(shown) == project


def test_an_empty_token_opens_nothing() -> None:
    """No configuration can have one; this is the second lock."""
    with pytest.raises(Unauthenticated, match="empty"):
        Access({"": "team-1"}).project({"authorization": ("Bearer ",)})


def test_an_empty_token_in_the_configuration_is_refused() -> None:
    with pytest.raises(ValueError, match="empty token"):
        Doors(tokens={"": "team-1"})


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "send the header Authorization: Bearer"),
        ({"authorization": ("",)}, "send the header"),
        ({"authorization": ("Basic s3cret",)}, "send the header"),
        ({"authorization": ("s3cret",)}, "send the header"),
        ({"authorization": ("Bearer",)}, "not valid"),
        ({"authorization": ("Bearer s3cre",)}, "not valid"),
        ({"authorization": ("Bearer s3cret2",)}, "not valid"),
        ({"authorization": ("Bearer team-1",)}, "not valid"),
        ({"x-scope-orgid": ("team-1",)}, "send the header"),
    ],
    ids=str,
)
def test_with_tokens_everything_else_is_refused(headers: Headers, message: str) -> None:
    with pytest.raises(Unauthenticated, match=message):
        Access(TOKENS).project(headers)


def test_tokens_over_http(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors(tokens=TOKENS)
    answer = doors.post(GOOD)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert doors.post(GOOD, {**PROTOBUF, "authorization": "Bearer no"}).status_code == 401
    assert doors.post(GOOD, {**PROTOBUF, "authorization": "Bearer s3cret"}).status_code == 200
    assert [batch.project for batch in doors.batches] == ["team-1"]


def test_tokens_over_grpc(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors(tokens=TOKENS)
    for metadata in ((), (("authorization", "Bearer no"),)):
        with pytest.raises(grpc.RpcError) as caught:
            doors.export(GOOD, metadata=metadata)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED  # type: ignore[attr-defined]  # a Call, too
    doors.export(GOOD, metadata=(("authorization", "Bearer s3cret"),))
    assert [batch.project for batch in doors.batches] == ["team-1"]


def test_a_refused_body_is_not_kept_from_the_next_request(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors(tokens=TOKENS)
    assert doors.post(bytes(5_000_000)).status_code == 401
    assert doors.post(GOOD, {**PROTOBUF, "authorization": "Bearer s3cret"}).status_code == 200


def test_tokens_from_a_file(open_doors: Callable[..., Doors], tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    file.write_text("# one a line\ns3cret: team-1\n")
    doors = open_doors(tokens_file=str(file))
    assert doors.post(GOOD).status_code == 401
    assert doors.post(GOOD, {**PROTOBUF, "authorization": "Bearer s3cret"}).status_code == 200


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        ("s3cret: team-1", {"s3cret": "team-1"}),
        (
            "# one a line\ns3cret: team-1\n\n'other': team-2\n",
            {"s3cret": "team-1", "other": "team-2"},
        ),
        ('s3cret: team-1\nchief: "*"\n', {"s3cret": "team-1", "chief": "*"}),
        ("123: team-1\n0x1F: 42\nyes: no\n", {"123": "team-1", "0x1F": "42", "yes": "no"}),
        ('{"s3cret": "team-1"}', {"s3cret": "team-1"}),
        ("tök€n: team-1", {"tök€n": "team-1"}),
    ],
    ids=["one", "comments and quotes", "operator", "as written", "JSON", "not ASCII"],
)
def test_token_files(tmp_path: Path, content: str, tokens: dict[str, str]) -> None:
    file = tmp_path / "tokens.yaml"
    file.write_text(content)
    assert read_tokens(file, "--tokens-file") == tokens


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read .*: No such file"),
        ("", "tokens.yaml: .*does not map tokens to projects"),
        ("{}", "missing tokens"),
        ("- s3cret", "does not map tokens"),
        ("s3cret: [a]", "tokens.yaml:1: .*does not map tokens"),
        ("a: b\ns3cret: bad name", "tokens.yaml:2: .*does not map tokens"),
        ("a: b\ns3cret: system", "tokens.yaml:2: .*does not map tokens"),
        ("s3cret:", "tokens.yaml:1: .*does not map tokens"),
        ("[s3cret]: a", "tokens.yaml:1: .*does not map tokens"),
        ("a: b\ns3cret: {", "tokens.yaml:.*does not map tokens"),
        ("a: b\ns3cret: *", "tokens.yaml:2: .*with the quotes"),
        ("a: b\n\n: team-1", "tokens.yaml:3: .*empty token"),
        ("a: b\n'': team-1", "tokens.yaml:2: .*empty token"),
        ("a: b\n'  ': team-1", "tokens.yaml:2: .*empty token"),
        ('"": "*"', "tokens.yaml:1: .*empty token"),
        ("a: b\n's3cret ': team-1", "tokens.yaml:2: .*holds spaces"),
        ("s3cret: a\nb: c\ns3cret: d", "tokens.yaml:3: .*duplicate token"),
    ],
    ids=[
        "missing",
        "nothing",
        "empty",
        "list",
        "list of projects",
        "bad project",
        "reserved project",
        "no project",
        "list of tokens",
        "no YAML",
        "operator without quotes",
        "no token",
        "empty token",
        "blank token",
        "empty operator",
        "space",
        "duplicate",
    ],
)
def test_bad_token_files(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "tokens.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=message) as caught:
        read_tokens(file, "receivers::otlp::tokens_file")
    assert caught.value.key == "receivers::otlp::tokens_file"
    assert "s3cret" not in str(caught.value)


class Authenticator:
    """An extension as a configuration could name it."""

    async def start(self) -> None: ...

    async def shutdown(self) -> None: ...

    def authenticate(self, headers: Headers) -> str | None:
        match headers.get("x-key"):
            case ("known",):
                return "from-key"
            case ("guest",):
                return None
            case _:
                raise Unauthenticated("no key")


@pytest.mark.parametrize(
    ("key", "status", "project"),
    [("known", 200, "from-key"), ("guest", 200, "from-header"), ("other", 401, None)],
)
def test_an_extension_may_authenticate(
    open_doors: Callable[..., Doors], key: str, status: int, project: str | None
) -> None:
    doors = open_doors(
        http={"auth": {"authenticator": "keys"}}, extensions={"keys": Authenticator()}
    )
    headers = {**PROTOBUF, "x-key": key, "x-scope-orgid": "from-header"}
    assert doors.post(GOOD, headers).status_code == status
    assert [batch.project for batch in doors.batches] == ([project] if project else [])


def test_an_authenticator_must_be_there() -> None:
    with pytest.raises(ConfigError, match="no extension 'oidc'") as caught:
        Doors(grpc={"auth": {"authenticator": "oidc"}})
    assert caught.value.key == "receivers::otlp::protocols::grpc::auth::authenticator"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("10.1.0.5", {CLIENT_ADDRESS: ("10.1.0.5",)}),
        ("::ffff:10.1.0.5", {CLIENT_ADDRESS: ("10.1.0.5",)}),
        ("fd00::1", {CLIENT_ADDRESS: ("fd00::1",)}),
        ("", {}),
    ],
)
def test_components_see_the_client_s_address(address: str, shown: dict[str, Any]) -> None:
    headers = {"a": ("b",), "authorization": ("c",)}
    assert metadata_of(headers, address, include_headers=False) == shown
    assert metadata_of(headers, address, include_headers=True) == shown | {"a": ("b",)}
