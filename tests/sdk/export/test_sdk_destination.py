"""Where a signal goes: argument, variable of the signal, variable of all, default."""

from base64 import b64encode
from dataclasses import asdict

import pytest

from belvedere.sdk.errors import SettingError
from belvedere.sdk.export.destination import cannot_be_used, check, destination

P = "OTEL_EXPORTER_OTLP_"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("variables", "endpoint", "protocol", "expected"),
    [
        pytest.param({}, None, None, "http://localhost:4318/v1/traces", id="default"),
        pytest.param({}, None, "grpc", "http://localhost:4317", id="default-grpc"),
        pytest.param({}, "http://h:4318", None, "http://h:4318/v1/traces", id="argument"),
        pytest.param({}, "http://h:4318/", None, "http://h:4318/v1/traces", id="slash"),
        pytest.param({}, "http://h/otlp", None, "http://h/otlp/v1/traces", id="path"),
        pytest.param({}, "http://h/v1/traces", None, "http://h/v1/traces", id="whole-argument"),
        pytest.param({}, "http://h:4317", None, "http://h:4317", id="port-means-grpc"),
        pytest.param({}, "localhost:4317", None, "http://localhost:4317", id="no-scheme-here"),
        pytest.param({}, "tempo:4317", None, "https://tempo:4317", id="no-scheme-elsewhere"),
        pytest.param({"INSECURE": "true"}, "tempo:4317", None, "http://tempo:4317", id="insecure"),
        pytest.param({"ENDPOINT": "http://v"}, None, None, "http://v/v1/traces", id="variable"),
        pytest.param(
            {"ENDPOINT": "http://v", "TRACES_ENDPOINT": "http://t/x"},
            None,
            None,
            "http://t/x",
            id="variable-of-the-signal-is-whole",
        ),
        pytest.param(
            {"ENDPOINT": "http://v", "TRACES_ENDPOINT": " "},
            None,
            None,
            "http://v/v1/traces",
            id="empty-is-unset",
        ),
        pytest.param(
            {"TRACES_ENDPOINT": "http://t:4318"},
            None,
            None,
            "http://t:4318",
            id="whole-has-no-path",
        ),
        pytest.param(
            {"TRACES_ENDPOINT": "http://t/x"},
            "http://h",
            None,
            "http://h/v1/traces",
            id="argument-precedes-variables",
        ),
        pytest.param(
            {"ENDPOINT": "http://v:4317", "PROTOCOL": "http/protobuf"},
            None,
            None,
            "http://v:4317/v1/traces",
            id="protocol-precedes-the-port",
        ),
        pytest.param(
            {"PROTOCOL": "http/protobuf", "TRACES_PROTOCOL": "grpc"},
            None,
            None,
            "http://localhost:4317",
            id="protocol-of-the-signal",
        ),
    ],
)
def test_endpoint(
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    endpoint: str | None,
    protocol: str | None,
    expected: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(P + name, value)
    assert destination("traces", endpoint=endpoint, protocol=protocol).endpoint == expected


def test_headers_of_variables_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(P + "HEADERS", "api-key=a%20b,X-Tenant=1")
    found = destination("logs", headers={"X-Tenant": "2"})
    assert found.headers == {"api-key": "a b", "x-tenant": "2"}


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_who_asks_is_a_header_and_no_part_of_the_address(protocol: str) -> None:
    found = destination("traces", endpoint="http://me:a%40b@h:1", protocol=protocol)
    assert found.headers == {"authorization": f"Basic {b64encode(b'me:a@b').decode()}"}
    assert found.endpoint.startswith("http://h:1")
    said = destination("traces", endpoint="http://me:x@h", headers={"Authorization": "Bearer y"})
    assert said.headers == {"authorization": "Bearer y"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 10), ("5", 5), ("0.5", 0.5), ("10000", 10), ("250", 0.25)],
    ids=["default", "seconds", "fraction", "milliseconds", "short"],
)
def test_timeout(monkeypatch: pytest.MonkeyPatch, text: str, seconds: float) -> None:
    monkeypatch.setenv(P + "TRACES_TIMEOUT", text)
    assert destination("traces").timeout_s == seconds


@pytest.mark.parametrize(
    ("value", "words"), [("ftp://x", "no address"), ("http://x:port", "Port")], ids=str
)
def test_an_address_thatcannot_be_used(
    monkeypatch: pytest.MonkeyPatch, value: str, words: str
) -> None:
    monkeypatch.setenv(P + "ENDPOINT", value)
    with pytest.raises(SettingError, match=words):
        destination("traces")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PROTOCOL", "http/json", {"protocol": "http"}),
        ("COMPRESSION", "brotli", {"compression": "none"}),
        ("TIMEOUT", "soon", {"timeout_s": 10}),
        ("TIMEOUT", "-1", {"timeout_s": 10}),
        ("TIMEOUT", "inf", {"timeout_s": 10}),
        ("TIMEOUT", "nan", {"timeout_s": 10}),
    ],
)
def test_a_variable_that_cannot_be_used_counts_as_unset_and_is_said_once(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    value: str,
    expected: dict[str, object],
) -> None:
    cannot_be_used.cache_clear()
    monkeypatch.setenv(P + name, value)
    assert expected.items() <= asdict(destination("traces")).items()
    assert expected.items() <= asdict(destination("logs")).items()
    (line,) = caplog.messages
    assert line.startswith(f"{P}{name} is {value!r}, which cannot be used; ")


def test_grpc_has_no_deflate(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cannot_be_used.cache_clear()
    monkeypatch.setenv(P + "COMPRESSION", "deflate")
    assert destination("traces", protocol="http").compression == "deflate"
    assert destination("traces", protocol="grpc").compression == "none"
    assert "grpc has none and gzip" in caplog.text


@pytest.mark.parametrize(
    ("name", "value"),
    [("ENDPOINT", "nonsense://x"), ("PROTOCOL", "x"), ("COMPRESSION", "x"), ("TIMEOUT", "x")],
)
def test_arguments_are_judged_without_the_variables(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(P + name, value)
    check("http://h:4318", None)
    check(None, "http")
    for endpoint, protocol in (("ftp://h", None), (None, "smoke")):
        with pytest.raises(SettingError):
            check(endpoint, protocol)
