"""`auth` of an exporter: an extension that says who we are.

Exporters that send by `HttpPost` have it already. How another one uses it:

    class OtherConfig(DeliveryConfig):
        auth: ClientAuthConfig | None = Field(None, description=AUTH)

    self._auth = ClientAuth(config.auth, host)            # in __init__; may raise ConfigError
    headers = {**own_headers, **await self._auth.headers()}    # for each attempt
"""

from collections.abc import Mapping
from typing import Final, Protocol, runtime_checkable

from pydantic import Field

from belvedere.collector.component import ComponentConfig, Host
from belvedere.collector.errors import ConfigError
from belvedere.collector.registry import Kind

AUTH: Final = "Extension that says who we are: basicauth, bearertokenauth."
"""The description of the key `auth`."""


class ClientAuthConfig(ComponentConfig):
    """`auth` of an exporter."""

    authenticator: str = Field(description="Id of the extension, as service::extensions has it.")


@runtime_checkable
class ClientAuthenticator(Protocol):
    """An extension that can say who we are."""

    async def headers(self) -> Mapping[str, str]:
        """The headers that a request needs now.

        Raises:
            Retryable: the credentials cannot be had now.
        """
        ...


class ClientAuth:
    """The headers by which an exporter shows who it is; none without an authenticator."""

    def __init__(self, config: ClientAuthConfig | None, host: Host) -> None:
        """Find the extension.

        Raises:
            ConfigError: there is none of that id, or it is not made for clients.
        """
        self._authenticator: ClientAuthenticator | None = None
        if config is None:
            return
        extension = host.extensions.get(config.authenticator)
        if not isinstance(extension, ClientAuthenticator):
            running = ", ".join(sorted(host.extensions)) or "none"
            raise ConfigError(
                f"no extension {config.authenticator!r} says who we are",
                key=f"{Kind.EXPORTER}::{host.component_id}::auth::authenticator",
                hint=f"service::extensions has: {running}",
            )
        self._authenticator = extension

    async def headers(self) -> Mapping[str, str]:
        """The headers for one request.

        Raises:
            Retryable: the credentials cannot be had now.
        """
        return {} if self._authenticator is None else await self._authenticator.headers()
