"""`basicauth` and `bearertokenauth`: both sides, alone and between two Collectors."""

import base64
from pathlib import Path
from typing import Any, cast

import pytest
from collector_samples import SampleExporter, SampleReceiver, batch_of, until
from pydantic import ValidationError

from belvedere.collector.component import Host
from belvedere.collector.config import load_config
from belvedere.collector.errors import ConfigError
from belvedere.collector.exporters.client_auth import ClientAuthenticator
from belvedere.collector.extensions.basicauth import BasicAuth
from belvedere.collector.extensions.bearertokenauth import BearerTokenAuth
from belvedere.collector.extensions.secret import Secret
from belvedere.collector.registry import Kind
from belvedere.collector.service import Service
from belvedere.collector.source import Source
from belvedere.otlp.errors import Unauthenticated
from belvedere.otlp.signal import Signal


def basic(**config: Any) -> Any:
    return BasicAuth(BasicAuth.Config.model_validate(config), Host("basicauth"))


def bearer(**config: Any) -> BearerTokenAuth:
    return BearerTokenAuth(BearerTokenAuth.Config.model_validate(config), Host("bearertokenauth"))


def shown(credentials: str, scheme: str = "Basic") -> dict[str, tuple[str, ...]]:
    return {"authorization": (f"{scheme} {base64.b64encode(credentials.encode()).decode()}",)}


async def test_basicauth_of_a_receiver(tmp_path: Path) -> None:
    file = tmp_path / "htpasswd"
    file.write_text("alice:from file\nbob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
    tested = basic(htpasswd={"file": str(file), "inline": "alice:in:line\n"})
    await tested.start()
    for right in ("alice:in:line", "bob:secret", "bob:secret"):
        assert tested.authenticate(shown(right)) is None
    for wrong in (
        shown("alice:from file"),
        shown("bob:"),
        shown("eve:secret"),
        shown("bob:secret", scheme="Bearer"),
        {"authorization": ("Basic ***",)},
        {},
    ):
        with pytest.raises(Unauthenticated):
            tested.authenticate(wrong)
    assert not isinstance(tested, ClientAuthenticator)


async def test_basicauth_of_an_exporter(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("from file\n")
    tested = basic(
        client_auth={"username": "alice", "password": "x", "password_file": str(password)}
    )
    await tested.start()
    assert isinstance(tested, ClientAuthenticator)
    assert not hasattr(tested, "authenticate")
    expected = base64.b64encode(b"alice:from file").decode()
    assert await tested.headers() == {"authorization": f"Basic {expected}"}


async def test_bearertokenauth() -> None:
    tested = bearer(tokens=["one", "two"], scheme="Token", header="X-Auth")
    await tested.start()
    assert await tested.headers() == {"x-auth": "Token one"}
    for token in ("one", "two"):
        assert tested.authenticate({"x-auth": (f"Token {token}",)}) is None
    for wrong in ({"x-auth": ("Token three",)}, {"x-auth": ("one",)}, {}):
        with pytest.raises(Unauthenticated, match="send the header X-Auth: Token and a token"):
            tested.authenticate(wrong)  # type: ignore[arg-type]  # of several types
    bare = bearer(token="t", scheme="")
    assert await bare.headers() == {"authorization": "t"}


async def test_a_file_of_tokens(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("one\ntwo\n")
    tested = bearer(filename=str(file), token="ignored")
    await tested.start()
    assert tested.authenticate({"authorization": ("Bearer two",)}) is None
    with pytest.raises(Unauthenticated):
        tested.authenticate({"authorization": ("Bearer ignored",)})


def test_a_secret_is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    now = [0.0]
    file = tmp_path / "secret"
    file.write_text("old\n")
    tested = Secret("written", file, now_s=lambda: now[0])
    tested.read("key")
    assert tested.text == "old"
    file.write_text("newer")
    assert tested.text == "old"
    now[0] = 1.0
    assert tested.text == "newer"
    file.unlink()
    now[0] = 2.0
    assert tested.text == "newer"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(
            lambda: basic(htpasswd={"file": "/nowhere"}),
            "extensions::basicauth::htpasswd::file: cannot read /nowhere: No such file or",
            id="htpasswd",
        ),
        pytest.param(
            lambda: basic(htpasswd={"inline": "alice"}),
            "extensions::basicauth::htpasswd::inline: line 1 is not user:password",
            id="inline",
        ),
        pytest.param(
            lambda: basic(client_auth={"username": "a", "password_file": "/nowhere"}),
            "extensions::basicauth::client_auth::password_file: cannot read /nowhere",
            id="password",
        ),
        pytest.param(
            lambda: bearer(filename="/nowhere"),
            "extensions::bearertokenauth::filename: cannot read /nowhere",
            id="tokens",
        ),
    ],
)
async def test_files_that_are_not_there(make: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        await make().start()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: basic(htpasswd={"inline": "a:b"}, client_auth={}), "is required"),
        (lambda: basic(htpasswd={}), "htpasswd needs file or inline"),
        (lambda: bearer(token="a", tokens=["b"]), "exclude each other"),
    ],
    ids=["both-sides", "no-users", "tokens"],
)
def test_refuses_configurations(make: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make()


RECEIVING = """
extensions: {EXTENSION}
receivers:
  otlp:
    protocols:
      grpc: {endpoint: '127.0.0.1:0', auth: {authenticator: AUTH/server}}
      http: {endpoint: '127.0.0.1:0', auth: {authenticator: AUTH/server}}
exporters: {sample: }
service:
  extensions: [AUTH/server]
  pipelines: {traces: {receivers: [otlp], exporters: [sample]}}
"""
SENDING = """
extensions: {EXTENSION}
receivers: {sample: }
exporters:
  PROTOCOL:
    endpoint: http://127.0.0.1:PORT
    auth: {authenticator: AUTH/client}
    retry_on_failure: {enabled: false}
    sending_queue: {enabled: false}
service:
  extensions: [AUTH/client]
  pipelines: {traces: {receivers: [sample], exporters: [PROTOCOL]}}
"""


@pytest.mark.parametrize("protocol", ["otlp_grpc", "otlp_http"])
@pytest.mark.parametrize(
    ("auth", "server", "client"),
    [
        ("basicauth", "{htpasswd: {inline: 'a:b'}}", "{client_auth: {username: a, password: b}}"),
        ("bearertokenauth", "{tokens: [x, y]}", "{token: y}"),
    ],
    ids=["basic", "bearer"],
)
async def test_between_two_collectors(
    samples: None, auth: str, server: str, client: str, protocol: str
) -> None:
    def service(text: str, extension: str, **more: str) -> Service:
        text = text.replace("EXTENSION", f"AUTH/{extension}").replace("AUTH", auth)
        for name, value in more.items():
            text = text.replace(name, value)
        return Service(load_config(Source("text", text), env={}))

    last = service(RECEIVING, f"server: {server}")
    await last.start()
    otlp: Any = last.component(Kind.RECEIVER, "otlp")
    port = otlp.grpc_port if protocol == "otlp_grpc" else otlp.http_port
    outcomes = []
    for way in (client, client.replace("y}", "z}").replace("b}", "c}")):
        first = service(SENDING, f"client: {way}", PROTOCOL=protocol, PORT=str(port))
        await first.start()
        sample = cast(SampleReceiver, first.component(Kind.RECEIVER, "sample"))
        try:
            await sample.consumers[Signal.TRACES].consume(batch_of(Signal.TRACES, [7]))
            outcomes.append("ok")
        except Exception as error:  # noqa: BLE001 - which it is depends on the protocol
            outcomes.append(str(error))
        await first.shutdown()
    recorder = cast(SampleExporter, last.component(Kind.EXPORTER, "sample")).recorder
    await until(lambda: recorder.numbers == [7])
    await last.shutdown()
    assert outcomes[0] == "ok"
    assert "UNAUTHENTICATED" in outcomes[1] or "401" in outcomes[1]


def test_an_exporter_wants_an_extension_that_says_who_we_are(samples: None) -> None:
    text = SENDING.replace("EXTENSION", "AUTH/client: {htpasswd: {inline: 'a:b'}}")
    for name, value in {"AUTH": "basicauth", "PROTOCOL": "otlp_http", "PORT": "1"}.items():
        text = text.replace(name, value)
    with pytest.raises(ConfigError) as caught:
        Service(load_config(Source("text", text), env={}))
    assert str(caught.value) == (
        "text:7: exporters::otlp_http::auth::authenticator: no extension 'basicauth/client' says"
        " who we are (service::extensions has: basicauth/client)"
    )
