"""Fixtures of the exporters' tests: real peers, and the exporters' counters."""

from collections.abc import AsyncIterator, Callable

import pytest
import trustme
from otlp_peers import Certificates, GrpcPeer, HttpPeer

from belvedere.internal_telemetry import REGISTRY


@pytest.fixture
async def grpc_peer() -> AsyncIterator[GrpcPeer]:
    peer = GrpcPeer()
    await peer.start()
    yield peer
    await peer.stop()


@pytest.fixture
async def http_peer() -> AsyncIterator[HttpPeer]:
    peer = HttpPeer()
    await peer.start()
    yield peer
    await peer.stop()


@pytest.fixture
def counted() -> Callable[[str], dict[str, float]]:
    """The counters of an exporter by their short names; those at zero are left out."""

    def counted(exporter_id: str) -> dict[str, float]:
        return {
            sample.name.removeprefix("otelcol_exporter_").removesuffix("_total"): sample.value
            for family in REGISTRY.collect()
            for sample in family.samples
            if sample.name.startswith("otelcol_exporter_")
            and not sample.name.endswith("_created")
            and sample.labels.get("exporter") == exporter_id
            and sample.value
        }

    return counted


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    directory, authority = tmp_path_factory.mktemp("certificates"), trustme.CA()
    client = authority.issue_cert("client.example")
    ca, cert, key = (directory / name for name in ("ca.pem", "client.pem", "client-key.pem"))
    authority.cert_pem.write_to_path(ca)
    client.cert_chain_pems[0].write_to_path(cert)
    client.private_key_pem.write_to_path(key)
    return Certificates(authority, ca, cert, key)
