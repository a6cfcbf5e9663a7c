"""What extensions with a small HTTP server share."""

from typing import ClassVar

from pydantic import Field

from belvedere.collector.component import ComponentConfig
from belvedere.collector.serving.listen import Endpoint
from belvedere.collector.serving.tls import TlsConfig


class HttpPageConfig(ComponentConfig):
    """The keys of a small HTTP server, after the Collector's `confighttp.ServerConfig`."""

    unsupported: ClassVar = {
        "auth": "listen on localhost, or put a proxy that asks for credentials before it",
        "cors": "these pages are not for other sites",
    }

    endpoint: Endpoint = Field(
        "localhost:0", description="Address to listen on, host:port; port 0 picks a free one."
    )
    tls: TlsConfig | None = Field(None, description="Unset: no encryption.")
