"""Passwords as Apache's htpasswd files hold them: `user:hash`, one a line."""

import base64
import ctypes
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Final

_APR1: Final = "$apr1$"
_APR1_ROUNDS: Final = 1000
_BASE64: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_APR1_ORDER: Final = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))
"""Which bytes of the digest stand in which group of four characters; byte 11 stands alone."""
_LIBRARIES: Final = ("libcrypt.so.1", "libcrypt.so.2")
_BY_SYSTEM: Final = re.compile(r"\$(2[aby]|1|5|6|y)\$.+")
"""bcrypt, MD5, SHA-256, SHA-512, yescrypt: hashes that the system's libcrypt checks."""


def read_htpasswd(text: str) -> dict[str, str]:
    """User → hash. Lines that are empty or begin with # are left out.

    Raises:
        ValueError: a line is no such pair; or a hash cannot be checked on this system.
    """
    users = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, stored = line.strip().partition(":")
        if not colon or not user or not stored:
            raise ValueError(f"line {number} is not user:password")
        if _BY_SYSTEM.fullmatch(stored) and _system_crypt(b"", stored.encode()) is None:
            raise ValueError(
                f"the hash of {user!r} cannot be checked on this system; make it anew with"
                " htpasswd -m"
            )
        users[user] = stored
    return users


def is_password(password: str, stored: str) -> bool:
    """Whether a password is the one that `stored` is the hash of, in any form of htpasswd."""
    for prefix, hashed in _FORMS.items():
        if stored.startswith(prefix):
            return hmac.compare_digest(hashed(password.encode(), stored), stored.encode())
    if _BY_SYSTEM.fullmatch(stored):
        found = _system_crypt(password.encode(), stored.encode())
        return found is not None and hmac.compare_digest(found, stored.encode())
    return hmac.compare_digest(password.encode(), stored.encode())


def _sha(password: bytes, _: str) -> bytes:
    return b"{SHA}" + base64.b64encode(hashlib.sha1(password).digest())  # noqa: S324 - the format's


def _ssha(password: bytes, stored: str) -> bytes:
    try:
        salt = base64.b64decode(stored[6:])[20:]
    except ValueError:
        return b""
    digest = hashlib.sha1(password + salt).digest()  # noqa: S324 - the format's
    return b"{SSHA}" + base64.b64encode(digest + salt)


def _apr1(password: bytes, stored: str) -> bytes:
    """Apache's variant of the MD5 crypt."""
    salt = stored.removeprefix(_APR1).partition("$")[0][:8].encode()
    inner = _md5(password + salt + password)
    mixed = password + _APR1.encode() + salt
    mixed += (inner * (len(password) // 16 + 1))[: len(password)]
    length = len(password)
    while length:
        mixed += b"\x00" if length & 1 else password[:1]
        length >>= 1
    digest = _md5(mixed)
    for number in range(_APR1_ROUNDS):
        begin, end = (password, digest) if number & 1 else (digest, password)
        middle = (salt if number % 3 else b"") + (password if number % 7 else b"")
        digest = _md5(begin + middle + end)
    encoded = "".join(
        _characters(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in _APR1_ORDER
    )
    return f"{_APR1}{salt.decode()}${encoded}{_characters(digest[11], 2)}".encode()


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data).digest()  # noqa: S324 - the format's


def _characters(value: int, count: int) -> str:
    return "".join(_BASE64[value >> (6 * index) & 63] for index in range(count))


_FORMS: Mapping[str, Callable[[bytes, str], bytes]] = {"{SHA}": _sha, "{SSHA}": _ssha, _APR1: _apr1}


def _system_crypt(password: bytes, stored: bytes) -> bytes | None:
    """The hash by the system's libcrypt, with the salt of `stored`; None if it cannot."""
    for name in _LIBRARIES:
        try:
            crypt = ctypes.CDLL(name).crypt
        except (OSError, AttributeError):
            continue
        crypt.restype, crypt.argtypes = ctypes.c_char_p, (ctypes.c_char_p, ctypes.c_char_p)
        found: bytes | None = crypt(password, stored)
        # libcrypt says "no" by a text that begins with an asterisk.
        return None if found is None or found.startswith(b"*") else found
    return None
