"""Keys, cards and e-mail addresses are replaced; other text stays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.sdk.agents.redaction import is_secret_field, redact

REPLACED = {
    "e-mail": (
        "write to jane.doe+x@mail.example.co.uk, please",
        "write to [redacted:email], please",
    ),
    "card": ("card 4111111111111111.", "card [redacted:card]."),
    "card in groups": ("12 4111 1111 1111 1111 end", "12 [redacted:card] end"),
    "card with dashes": ("5500-0055-5555-5559", "[redacted:card]"),
    "amex": ("3782 822463 10005", "[redacted:card]"),
    "openai key": ("key sk-proj-abcdEFGH1234567890abcdEFGH!", "key [redacted:key]!"),
    "anthropic key": ("sk-ant-api03-abcdEFGH1234567890-_x", "[redacted:key]"),
    "aws key": ("id=AKIAIOSFODNN7EXAMPLE;", "id=[redacted:key];"),
    "github token": ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[redacted:key]"),
    "slack token": ("xoxb-123456789012-abcdef", "[redacted:key]"),
    "google key": ("AIzaSyA1234567890abcdefghijklmnopqrstu", "[redacted:key]"),
    "jwt": ("t eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF-_1 u", "t [redacted:token] u"),
    "bearer": (
        "Authorization: Bearer abcdef0123456789abcdef",
        "Authorization: Bearer [redacted:token]",
    ),
    "password in a url": ("postgres://joe:hunter2@db/x", "postgres://[redacted:credentials]@db/x"),
    "assignment": (
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7",
        "AWS_SECRET_ACCESS_KEY=[redacted:secret]",
    ),
    "json in a text": (
        '{"password": "hunter2", "a": 1}',
        '{"password": "[redacted:secret]", "a": 1}',
    ),
    "private key": (
        "a -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- b",
        "a [redacted:private_key] b",
    ),
    "private key that is cut": ("-----BEGIN PRIVATE KEY-----\nMIIE", "[redacted:private_key]"),
}


@pytest.mark.parametrize(("text", "expected"), REPLACED.values(), ids=REPLACED.keys())
def test_replaced(text: str, expected: str) -> None:
    assert redact(text) == expected


ISSUED = {
    "stripe": "sk_live_" + "a1B2" * 6,
    "stripe, for tests": "rk_test_" + "a1B2" * 6,
    "github, fine-grained": "github_pat_" + "a1B2" * 6,
    "github, of an app": "ghs_" + "a1B2" * 6,
    "gitlab": "glpat-" + "a1B2" * 6,
    "aws, temporary": "ASIA" + "A1B2" * 4,
    "google, oauth": "ya29." + "a1B2" * 6,
    "hugging face": "hf_" + "a1B2" * 6,
    "groq": "gsk_" + "a1B2" * 6,
    "npm": "npm_" + "a1B2" * 9,
    "pypi": "pypi-" + "a1B2" * 12,
    "sendgrid": "SG." + "a1B2" * 5 + "." + "a1B2" * 5,
}


@pytest.mark.parametrize("before", ["", "key ", "\\n", "\\u00e9", "\\xe9", '\\"'])
@pytest.mark.parametrize("key", ISSUED.values(), ids=ISSUED.keys())
def test_keys_are_known_by_their_beginnings(key: str, before: str) -> None:
    """Also behind an escape, as in JSON inside of JSON."""
    assert redact(f"{before}{key}") == f"{before}[redacted:key]"


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "order 1234567890123456",
        "at 1753264800000000000 ns",
        "2026-11-22 10:15:00",
        "call sk-short",
        "a@b",
        "basic misunderstandings of",
        "sk-learn-pipeline-estimator",
        "PWD=/root/app",
        "@decorator",
        "the password is in the safe",
        "https://example.com:8080/x?a=b",
        "max_tokens: 4096",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
    ],
)
def test_kept(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("OPENAI_API_KEY", True),
        ("db-password", True),
        ("Authorization", True),
        ("access_token", True),
        ("token", True),
        ("max_tokens", False),
        ("input_tokens", False),
        ("key", False),
        ("query", False),
    ],
)
def test_secret_fields(name: str, secret: object) -> None:
    assert is_secret_field(name) is secret


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


HOSTILE = {
    "letters": "a",
    "digits": "4",
    "grouped digits": "4111 ",
    "dots": "a.",
    "keys": "sk-",
    "tokens": "-eyJaaaaaaaa",
    "escaped tokens": "\\neyJaaaaaaaa.",
    "escaped keys": "\\nsk-",
    "escaped assignments": '\\npassword\\": \\"',
    "assignments": "password ",
    "blanks": "password= ",
    "urls": "://a:",
    "private keys": "-----BEGIN PRIVATE KEY",
    "addresses": "a@b.",
    "sendgrid": "SG.aaaaaaaaaaaaaaaaaaaa",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_text_takes_long(piece: str) -> None:
    """A quadratic pattern would hang here for minutes; linear ones take some 20 ms."""
    text = piece * (200_000 // len(piece))
    assert redact(text)
