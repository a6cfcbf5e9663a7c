"""Where the Kubernetes API is, and with whose credentials it is asked."""

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from belvedere.collector.errors import ConfigError
from belvedere.collector.processors.k8s_attributes.api.access import access

HERE = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def kubeconfig(folder: Path, cluster: Any = None, user: Any = None) -> str:
    file = folder / "config"
    document = {
        "current-context": "one",
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u"}},
            {"name": "two", "context": {"cluster": "c", "user": "nobody"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://k8s:6443/", **(cluster or {})}}],
        "users": [{"name": "u", "user": user}],
    }
    file.write_text(yaml.safe_dump(document))
    return str(file)


def test_a_service_account_whose_token_is_renewed(tmp_path: Path, authority: trustme.CA) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    token = tmp_path / "token"
    token.write_text("one\n")
    found = access("serviceAccount", env=HERE, service_account=tmp_path)
    assert found.url == "https://10.0.0.1:6443"
    assert isinstance(found.tls, ssl.SSLContext)
    assert found.tls.verify_mode is ssl.CERT_REQUIRED
    assert found.headers() == {"authorization": "Bearer one"}
    token.write_text("two")
    assert found.headers() == {"authorization": "Bearer two"}


def test_nobody_in_particular() -> None:
    found = access("none", env={"KUBERNETES_SERVICE_HOST": "fd00::1"})
    assert (found.url, found.tls, found.headers()) == ("https://[fd00::1]:443", False, {})


@pytest.mark.parametrize(
    ("user", "headers"),
    [
        ({"token": "t"}, {"authorization": "Bearer t"}),
        ({"tokenFile": "token"}, {"authorization": "Bearer of a file"}),
        ({"username": "me", "password": "p"}, {"authorization": "Basic bWU6cA=="}),
        (None, {}),
    ],
    ids=str,
)
def test_users_of_a_kubeconfig(tmp_path: Path, user: Any, headers: dict[str, str]) -> None:
    (tmp_path / "token").write_text("of a file")
    found = access("kubeConfig", kubeconfig(tmp_path, user=user), env={})
    assert (found.url, found.headers()) == ("https://k8s:6443", headers)


def test_kubectl_s_file_is_found(tmp_path: Path) -> None:
    env = {"KUBECONFIG": f"{kubeconfig(tmp_path)}:/other"}
    assert access("kubeConfig", env=env).url == "https://k8s:6443"


def test_certificates_of_a_kubeconfig(tmp_path: Path, authority: trustme.CA) -> None:
    client = authority.issue_cert("me@example.com")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = b"".join(blob.bytes() for blob in client.cert_chain_pems)
    (tmp_path / "key.pem").write_bytes(client.private_key_pem.bytes())
    user = {
        "client-certificate-data": base64.b64encode(certificate).decode(),
        "client-key": "key.pem",
    }
    data = base64.b64encode(authority.cert_pem.bytes()).decode()
    for trust in ({"certificate-authority": "ca.pem"}, {"certificate-authority-data": data}):
        found = access("kubeConfig", kubeconfig(tmp_path, trust, user), env={})
        assert isinstance(found.tls, ssl.SSLContext)
        assert len(found.tls.get_ca_certs()) == 1
    found = access("kubeConfig", kubeconfig(tmp_path, {"insecure-skip-tls-verify": True}), env={})
    assert isinstance(found.tls, ssl.SSLContext)
    assert found.tls.verify_mode is ssl.CERT_NONE


def test_outside_of_a_cluster() -> None:
    with pytest.raises(ConfigError, match=r"does not run in a Kubernetes pod.*kubeConfig"):
        access("serviceAccount", env={})


def test_without_a_token(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*token: No such file"):
        access("serviceAccount", env=HERE, service_account=tmp_path)


@pytest.mark.parametrize(
    ("context", "user", "message"),
    [
        ("", {"exec": {"command": "aws"}}, "a user with exec is not supported"),
        ("two", {}, "is no kubeconfig with a context, cluster and user.*nobody"),
        ("three", {}, "contexts: three"),
        (
            "",
            {
                "client-certificate-data": base64.b64encode(b"x").decode(),
                "client-key-data": base64.b64encode(b"y").decode(),
            },
            "client certificate: ",
        ),
    ],
    ids=["exec", "no-user", "no-context", "no-certificate"],
)
def test_refuses_kubeconfigs(tmp_path: Path, context: str, user: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        access("kubeConfig", kubeconfig(tmp_path, user=user), context, env={})


def test_a_kubeconfig_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        access("kubeConfig", str(tmp_path / "none"), env={})
