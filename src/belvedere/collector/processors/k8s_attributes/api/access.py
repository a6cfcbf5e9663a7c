"""Where the Kubernetes API is, and with whose credentials it is asked."""

import base64
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from belvedere.collector.errors import ConfigError

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_NOT_IN_A_CLUSTER: Final = (
    "this process does not run in a Kubernetes pod (KUBERNETES_SERVICE_HOST is not set)"
)


@dataclass(frozen=True, slots=True)
class Access:
    """One API server."""

    url: str
    tls: ssl.SSLContext | bool
    """What a server on https has to show; False: nothing."""
    headers: Callable[[], Mapping[str, str]]
    """Asked for each request, as tokens are renewed."""


def access(
    auth_type: str,
    kube_config_path: str = "",
    context: str = "",
    *,
    env: Mapping[str, str] | None = None,
    service_account: Path = SERVICE_ACCOUNT,
) -> Access:
    """The API server of a configuration.

    Raises:
        ConfigError: there is none, or its credentials cannot be read.
    """
    environment = os.environ if env is None else env
    if auth_type == "kubeConfig":
        return _of_kube_config(_kube_config_file(kube_config_path, environment), context)
    url = _in_cluster_url(environment)
    if auth_type == "none":
        return Access(url, tls=False, headers=dict)
    token = service_account / "token"
    _read(token)
    return Access(url, _trusting(service_account / "ca.crt"), lambda: _bearer(_read(token)))


def _in_cluster_url(env: Mapping[str, str]) -> str:
    host, port = env.get("KUBERNETES_SERVICE_HOST"), env.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise ConfigError(_NOT_IN_A_CLUSTER, hint="elsewhere, set auth_type: kubeConfig")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _kube_config_file(path: str, env: Mapping[str, str]) -> Path:
    named = path or env.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(named).expanduser() if named else Path.home() / ".kube" / "config"


def _of_kube_config(file: Path, context_name: str) -> Access:
    text = _read(file)
    try:
        document = yaml.safe_load(text)
        name = context_name or document["current-context"]
        context = _named(document, "contexts", name)["context"]
        cluster = _named(document, "clusters", context["cluster"])["cluster"]
        user = _named(document, "users", context["user"])["user"] or {}
        url = str(cluster["server"]).rstrip("/")
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{file} is no kubeconfig with a context, cluster and user: {error!r}",
            hint="kubectl config view shows what is in it",
        ) from None
    if unsupported := sorted({"exec", "auth-provider"} & set(user)):
        raise ConfigError(
            f"{file}: a user with {unsupported[0]} is not supported",
            hint="use a user with a token or a client certificate",
        )
    return Access(url, _tls_of(cluster, user, file.parent), _headers_of(user, file.parent))


def _named(document: Any, section: str, name: str) -> Any:
    for entry in document[section]:
        if entry["name"] == name:
            return entry
    raise KeyError(f"{section}: {name}")


def _tls_of(cluster: Any, user: Any, folder: Path) -> ssl.SSLContext | bool:
    if authority := cluster.get("certificate-authority-data"):
        tls = ssl.create_default_context(cadata=base64.b64decode(authority).decode())
    elif authority := cluster.get("certificate-authority"):
        tls = _trusting(folder / authority)
    else:
        tls = ssl.create_default_context()
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    certificate, key = _pem(user, "client-certificate", folder), _pem(user, "client-key", folder)
    if certificate and key:
        with tempfile.NamedTemporaryFile() as both:  # which OpenSSL reads from files only
            both.write(certificate + b"\n" + key)
            both.flush()
            try:
                tls.load_cert_chain(both.name)
            except ssl.SSLError as error:
                raise ConfigError(f"the kubeconfig's client certificate: {error}") from None
    return tls


def _pem(user: Any, name: str, folder: Path) -> bytes:
    if data := user.get(f"{name}-data"):
        return base64.b64decode(data)
    return _read(folder / user[name]).encode() if name in user else b""


def _headers_of(user: Any, folder: Path) -> Callable[[], Mapping[str, str]]:
    if token_file := user.get("tokenFile"):
        return lambda: _bearer(_read(folder / token_file))
    if token := user.get("token"):
        return lambda: _bearer(token)
    if "username" in user:
        pair = f"{user['username']}:{user.get('password', '')}".encode()
        return lambda: {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return dict


def _bearer(token: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {token.strip()}"}


def _trusting(authority: Path) -> ssl.SSLContext:
    _read(authority)
    try:
        return ssl.create_default_context(cafile=authority)
    except ssl.SSLError as error:
        raise ConfigError(f"{authority} holds no certificate: {error}") from None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from None
