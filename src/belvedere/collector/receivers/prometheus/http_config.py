"""How targets are asked: credentials, TLS, headers."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.receivers.prometheus.scalars import Text


class BasicAuthConfig(ComponentConfig):
    """`basic_auth`."""

    username: Text = Field("", description="The user.")
    username_file: Path | None = Field(None, description="File that holds the user.")
    password: Text = Field("", repr=False, description="The password.")
    password_file: Path | None = Field(None, description="File that holds the password.")

    @model_validator(mode="after")
    def _one_each(self) -> Self:
        if self.username and self.username_file:
            raise ValueError("set one of username and username_file")
        if self.password and self.password_file:
            raise ValueError("set one of password and password_file")
        return self


class AuthorizationConfig(ComponentConfig):
    """`authorization`."""

    type: str = Field("Bearer", description="The scheme; not Basic, which is basic_auth.")
    credentials: Text = Field("", repr=False, description="What follows the scheme.")
    credentials_file: Path | None = Field(None, description="File that holds it.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.type.strip().lower() == "basic":
            raise ValueError("the type Basic is set by basic_auth")
        if self.credentials and self.credentials_file:
            raise ValueError("set one of credentials and credentials_file")
        return self


class PromTlsConfig(ComponentConfig):
    """`tls_config`."""

    ca: str = Field("", description="PEM text of the authorities to trust.")
    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust.")
    cert_file: Path | None = Field(None, description="PEM file of our certificate.")
    key_file: Path | None = Field(None, description="PEM file of its key.")
    server_name: str = Field("", description="Name that the target's certificate must have.")
    insecure_skip_verify: bool = Field(False, description="Whether any certificate will do.")
    min_version: Literal["", "TLS10", "TLS11", "TLS12", "TLS13"] = Field(
        "", description="Oldest version of TLS; unset: the platform's."
    )
    max_version: Literal["", "TLS10", "TLS11", "TLS12", "TLS13"] = Field(
        "", description="Newest version of TLS; unset: the platform's."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: set both or neither")
        if self.ca and self.ca_file:
            raise ValueError("set one of ca and ca_file")
        return self


class HeaderConfig(ComponentConfig):
    """A header of `http_headers`."""

    values: tuple[Text, ...] = Field((), description="Its values.")
    secrets: tuple[Text, ...] = Field((), repr=False, description="Values that are not shown.")
    files: tuple[Path, ...] = Field((), description="Files that hold a value each.")
