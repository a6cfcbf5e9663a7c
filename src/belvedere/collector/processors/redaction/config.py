"""The configuration of `redaction`."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.regex import RegexText


def _disabled(section: dict[str, Any]) -> dict[str, Any]:
    """Sections that have a meaning in the Collector and none here, if nothing in them is on."""
    for key, value in section.items():
        if key == "enabled" and value:
            raise ValueError(
                "is not supported here; use blocked_values with an expression for what to mask"
            )
        if isinstance(value, dict):
            _disabled(value)
    return section


_Disabled = Annotated[dict[str, Any], AfterValidator(_disabled)]


class RedactionConfig(ComponentConfig):
    """`processors::redaction`."""

    allow_all_keys: bool = Field(
        False, description="Whether all attributes are kept, whatever allowed_keys says."
    )
    allowed_keys: tuple[str, ...] = Field(
        (), description="Attributes that are kept; without allow_all_keys, all others are deleted."
    )
    ignored_keys: tuple[str, ...] = Field(
        (), description="Attributes that are kept as they are, without a look at their values."
    )
    ignored_key_patterns: tuple[RegexText, ...] = Field(
        (), description="The same, for keys with a part that an expression matches."
    )
    blocked_key_patterns: tuple[RegexText, ...] = Field(
        (), description="Attributes whose values are masked, by a part of their keys."
    )
    blocked_values: tuple[RegexText, ...] = Field(
        (), description="Expressions for parts of values that are masked."
    )
    allowed_values: tuple[RegexText, ...] = Field(
        (), description="Expressions; a value that one of them matches a part of is not masked."
    )
    redact_all_types: bool = Field(
        False, description="Whether numbers, lists and maps are looked at too, as texts."
    )
    hash_function: Literal["", "md5", "sha1", "sha3", "hmac-sha256", "hmac-sha512"] = Field(
        "", description="The hash that stands in the place of what is masked; without it: ****."
    )
    hmac_key: SecretStr = Field(
        SecretStr(""), description="The key of hmac-sha256 and hmac-sha512."
    )
    summary: Literal["", "debug", "info", "silent"] = Field(
        "", description="Attributes that tell of it: info: counts; debug: counts and keys."
    )
    url_sanitizer: _Disabled = Field(
        default_factory=dict, description="Not supported: an error if it is enabled."
    )
    db_sanitizer: _Disabled = Field(
        default_factory=dict, description="Not supported: an error if a part of it is enabled."
    )

    @model_validator(mode="after")
    def _key_of_the_hash(self) -> Self:
        if self.hash_function.startswith("hmac-") and not self.hmac_key.get_secret_value():
            raise ValueError(f"{self.hash_function} needs an hmac_key")
        return self
