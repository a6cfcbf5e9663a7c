"""What stands in the place of what is masked."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final

from belvedere.collector.processors.redaction.config import RedactionConfig

_MASK: Final = "****"
_HASHES: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False),
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False),
    "sha3": hashlib.sha3_256,
}


def mask_of(config: RedactionConfig) -> Callable[[str], str]:
    """The function of what is masked: a hash in hexadecimal digits, or always the same mask."""
    name = config.hash_function
    if not name:
        return lambda _: _MASK
    if name.startswith("hmac-"):
        key, digest = config.hmac_key.get_secret_value().encode(), name.removeprefix("hmac-")
        return lambda text: hmac.new(key, text.encode(), digest).hexdigest()
    hashed = _HASHES[name]
    return lambda text: str(hashed(text.encode()).hexdigest())
