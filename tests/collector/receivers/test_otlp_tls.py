"""TLS and mTLS of both doors."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
import trustme
from otlp_doors import METHODS, PROTOBUF, TIMEOUT_S, Doors, traces
from pydantic import ValidationError
from structlog.testing import capture_logs

from belvedere.collector.errors import ConfigError
from belvedere.collector.receivers.otlp.config import GrpcConfig
from belvedere.collector.serving.tls import TlsConfig
from belvedere.otlp.signal import Signal

GOOD = traces().SerializeToString()


@dataclass
class Certificates:
    """An authority, a server's certificate and a client's, as PEM files."""

    ca: trustme.CA
    folder: Path

    def __post_init__(self) -> None:
        self.ca.cert_pem.write_to_path(self.folder / "ca.pem")
        for name in ("localhost", "client.example.com"):
            issued = self.ca.issue_cert(name)
            issued.cert_chain_pems[0].write_to_path(self.folder / f"{name}.pem")
            issued.private_key_pem.write_to_path(self.folder / f"{name}.key")

    def keys(self, *, mutual: bool) -> dict[str, str]:
        """The key `tls` of a configuration."""
        keys = {
            "cert_file": str(self.folder / "localhost.pem"),
            "key_file": str(self.folder / "localhost.key"),
        }
        return {**keys, "client_ca_file": str(self.folder / "ca.pem")} if mutual else keys

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(trustme.CA(), tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=[False, True], ids=["tls", "mtls"])
def mutual(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def secure(
    open_doors: Callable[..., Doors],
    certificates: Certificates,
    mutual: bool,  # noqa: FBT001 - a fixture
) -> Doors:
    tls = {"endpoint": "localhost:0", "tls": certificates.keys(mutual=mutual)}
    return open_doors(grpc=tls, http=tls)


def post(doors: Doors, context: ssl.SSLContext) -> int:
    url = f"https://localhost:{doors.http_port}/v1/traces"
    with httpx.Client(verify=context, timeout=TIMEOUT_S) as client:
        return client.post(url, content=GOOD, headers=PROTOBUF).status_code


def export(doors: Doors, credentials: grpc.ChannelCredentials) -> bytes:
    with grpc.secure_channel(f"localhost:{doors.grpc_port}", credentials) as channel:
        answer: bytes = channel.unary_unary(METHODS[Signal.TRACES])(GOOD, timeout=5)
        return answer


def test_clients_that_trust_the_server_and_show_a_certificate(
    secure: Doors, certificates: Certificates
) -> None:
    context = ssl.create_default_context(cafile=certificates.folder / "ca.pem")
    client = "client.example.com"
    context.load_cert_chain(
        certificates.folder / f"{client}.pem", certificates.folder / f"{client}.key"
    )
    assert post(secure, context) == 200
    credentials = grpc.ssl_channel_credentials(
        certificates.read("ca.pem"),
        certificates.read(f"{client}.key"),
        certificates.read(f"{client}.pem"),
    )
    assert export(secure, credentials) == b""
    assert len(secure.batches) == 2


@pytest.mark.usefixtures("no_complaints")
def test_clients_without_a_certificate(
    secure: Doors,
    certificates: Certificates,
    mutual: bool,  # noqa: FBT001 - a fixture
) -> None:
    context = ssl.create_default_context(cafile=certificates.folder / "ca.pem")
    credentials = grpc.ssl_channel_credentials(certificates.read("ca.pem"))
    if not mutual:
        assert post(secure, context) == 200
        assert export(secure, credentials) == b""
        return
    with pytest.raises(httpx.TransportError):
        post(secure, context)
    with pytest.raises(grpc.RpcError) as caught:
        export(secure, credentials)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE  # type: ignore[attr-defined]  # a Call, too
    assert secure.batches == []


@pytest.mark.usefixtures("no_complaints")
def test_clients_that_do_not_encrypt(secure: Doors) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.post(f"http://localhost:{secure.http_port}/v1/traces", timeout=TIMEOUT_S)
    channel = grpc.insecure_channel(f"localhost:{secure.grpc_port}")
    with channel, pytest.raises(grpc.RpcError):
        channel.unary_unary(METHODS[Signal.TRACES])(GOOD, timeout=5)
    assert secure.batches == []


@pytest.mark.parametrize("door", ["grpc", "http"])
@pytest.mark.parametrize(
    ("wrong", "key", "message"),
    [
        ({"cert_file": "missing.pem"}, "tls", "No such file"),
        ({"cert_file": "ca.pem"}, "tls", "key that of the certificate"),
        ({"key_file": "client.example.com.key"}, "tls", "key that of the certificate"),
        ({"client_ca_file": "localhost.key"}, "tls::client_ca_file", "cannot use the authorities"),
    ],
    ids=["missing", "other certificate", "other key", "no authority"],
)
def test_files_that_do_not_fit_are_found_at_the_start(
    certificates: Certificates, door: str, wrong: dict[str, str], key: str, message: str
) -> None:
    paths = {name: str(certificates.folder / file) for name, file in wrong.items()}
    tls = {**certificates.keys(mutual=False), **paths}
    with pytest.raises(ConfigError, match=message) as caught:
        Doors(**{door: {"tls": tls}})  # type: ignore[arg-type]  # one of two keys
    assert caught.value.key == f"receivers::otlp::protocols::{door}::{key}"


@pytest.mark.parametrize("door", ["grpc", "http"])
def test_a_certificate_that_is_replaced_is_shown_after_reload_interval(
    open_doors: Callable[..., Doors], certificates: Certificates, tmp_path: Path, door: str
) -> None:
    files = {"cert_file": tmp_path / "server.pem", "key_file": tmp_path / "server.key"}
    other = trustme.CA().issue_cert("localhost")
    other.cert_chain_pems[0].write_to_path(files["cert_file"])
    other.private_key_pem.write_to_path(files["key_file"])
    tls = {name: str(path) for name, path in files.items()} | {"reload_interval": "1ms"}
    doors = open_doors(**{door: {"endpoint": "localhost:0", "tls": tls}})
    port = doors.grpc_port if door == "grpc" else doors.http_port
    assert shown_by(port) == other.cert_chain_pems[0].bytes().decode()
    files["cert_file"].write_bytes(certificates.read("localhost.pem"))
    shown_by(port)  # a key that does not fit yet: the old certificate stays
    assert shown_by(port) == other.cert_chain_pems[0].bytes().decode()
    files["key_file"].write_bytes(certificates.read("localhost.key"))
    assert shown_by(port) == certificates.read("localhost.pem").decode()


def shown_by(port: int) -> str:
    """The certificate that a server shows, PEM."""
    return ssl.get_server_certificate(("localhost", port), timeout=TIMEOUT_S)


@pytest.mark.parametrize(
    ("protocol", "versions", "works"),
    [
        ("TLSv1_2", {}, True),
        ("TLSv1_2", {"min_version": 1.3}, False),
        ("TLSv1_3", {"max_version": "1.2"}, False),
        ("TLSv1_3", {"min_version": "1.0"}, True),
    ],
    ids=str,
)
def test_versions_of_the_http_door(
    open_doors: Callable[..., Doors],
    certificates: Certificates,
    protocol: str,
    versions: dict[str, str],
    works: bool,  # noqa: FBT001 - a parameter
) -> None:
    tls = certificates.keys(mutual=False) | versions
    doors = open_doors(http={"endpoint": "localhost:0", "tls": tls})
    context = ssl.create_default_context(cafile=certificates.folder / "ca.pem")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[protocol]
    if works:
        assert post(doors, context) == 200
        return
    with pytest.raises(httpx.TransportError):
        post(doors, context)


def test_a_certificate_may_stand_in_the_configuration(
    open_doors: Callable[..., Doors], certificates: Certificates
) -> None:
    tls = {
        "cert_pem": certificates.read("localhost.pem").decode(),
        "key_pem": certificates.read("localhost.key").decode(),
    }
    doors = open_doors(
        grpc={"endpoint": "localhost:0", "tls": tls}, http={"endpoint": "localhost:0", "tls": tls}
    )
    context = ssl.create_default_context(cafile=certificates.folder / "ca.pem")
    assert post(doors, context) == 200
    assert export(doors, grpc.ssl_channel_credentials(certificates.read("ca.pem"))) == b""


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "a server needs a certificate"),
        ({"cert_file": "a"}, "belong together"),
        ({"cert_file": "a", "cert_pem": "b", "key_file": "c"}, "exclude each other"),
        ({"cert_file": "a", "key_file": "b", "ca_pem": "c"}, "clients are client_ca_file"),
        ({"min_version": 1.3, "max_version": 1.2}, "min_version is above max_version"),
        ({"min_version": 2}, "input should be"),
    ],
    ids=str,
)
def test_keys_that_do_not_fit(keys: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=f"(?i){message}"):
        TlsConfig.model_validate(keys)


def test_the_authority_of_a_server_is_a_key_without_effect() -> None:
    with capture_logs() as told:
        TlsConfig.model_validate({"cert_file": "a", "key_file": "b", "ca_file": "c"})
    assert [(entry["event"], entry["key"], entry["instead"]) for entry in told] == [
        ("key_without_effect", "ca_file", "client_ca_file")
    ]


def test_grpc_cannot_choose_versions() -> None:
    tls = {"cert_file": "a", "key_file": "b", "min_version": "1.3"}
    with pytest.raises(ValidationError, match="remove min_version and max_version"):
        GrpcConfig.model_validate({"tls": tls})
