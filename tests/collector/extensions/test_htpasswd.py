"""Passwords in the forms of htpasswd files.

The hashes come from `openssl passwd`, bcrypt's from its authors' own test.
"""

import pytest

from belvedere.collector.extensions.htpasswd import is_password, read_htpasswd

FORMS = {
    "plain": ("secret", "secret"),
    "sha": ("secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="),
    "ssha": ("secret", "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0"),
    "apr1": ("secret", "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/"),
    "apr1-long": ("a longer password than sixteen bytes", "$apr1$xy$ydi4vLfD5LxrQlAISGcwV/"),
    "apr1-not-ascii": ("grün", "$apr1$12345678$7L6LFDD6b2xhox/HwMOzI/"),
    "md5": ("secret", "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1"),
    "sha256": ("secret", "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM."),
    "sha512": (
        "secret",
        (
            "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip"
            "/cZ/1GM/O6IND4WQhG."
        ),
    ),
    "bcrypt": ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
}


@pytest.mark.parametrize(("password", "stored"), FORMS.values(), ids=FORMS)
def test_every_form(password: str, stored: str) -> None:
    assert is_password(password, stored)
    assert not is_password(password.swapcase(), stored)
    assert not is_password("", stored)
    assert read_htpasswd(f"# users\n\nalice:{stored}\n") == {"alice": stored}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alice", "line 1 is not user:password"),
        ("a:b\n:c", "line 2 is not user:password"),
        ("a:", "line 1 is not user:password"),
        ("a:$2y$99$nothing", "the hash of 'a' cannot be checked on this system"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_htpasswd(text)
