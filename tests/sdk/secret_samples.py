"""Secrets that no exporter may let out, texts that hold them, and the search for them."""

import base64
from collections.abc import Iterable, Sequence

from hypothesis import strategies as st

_PEM = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"

SECRETS: dict[str, tuple[str, str]] = {
    # what is written → the part of it that must not be found, even where it was cut
    "openai key": ("sk-proj-Zq81mdkQ02nnvXyK", "Zq81md"),
    "anthropic key": ("sk-ant-api03-Pq7Lm2Xc8VbN41Tz", "Pq7Lm2"),
    "github token": ("ghp_1a2B3c4D5e6F7g8H9i0JkLmNoPqRsTuVwXyZ", "1a2B3c4D"),
    "aws key": ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN"),
    "e-mail": ("maria.kalnina@mail.example.org", "maria.kalnina@"),
    "card": ("4012 8888 8888 1881", "4012 8888"),
    "card without gaps": ("5555555555554444", "5555555555"),
    "jwt": (
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
        "eyJzdWIiOiIxMjM0NTY3ODkwIn0",
    ),
    "private key": (
        f"-----BEGIN PRIVATE KEY-----\n{_PEM}\n{_PEM[::-1]}\n-----END PRIVATE KEY-----",
        _PEM[:20],
    ),
    "password": ("password: hunter2trustno1", "hunter2"),
    "url": ("postgres://svc:Tr0ub4dor3@db.example.org/x", "Tr0ub4"),
}

_LETTERS = st.text("abcdefgh é漢🙂\n\"'\\", max_size=60)


def texts_with_secrets(repeats: Sequence[int] = (0, 1, 3, 40, 90)) -> st.SearchStrategy[str]:
    """Texts in which secrets stand between blanks, line ends and quotes.

    Args:
        repeats: how often the text before a secret may be repeated.
    """
    border = st.sampled_from([" ", "\n", "\t", '"', "'", "\n\n", " ("])
    pads = st.builds(lambda text, times: text * times, _LETTERS, st.sampled_from(repeats))
    part = st.tuples(pads, border, st.sampled_from(sorted(SECRETS)), border).map(
        lambda each: f"{each[0]}{each[1]}{SECRETS[each[2]][0]}{each[3]}"
    )
    return st.lists(part, min_size=1, max_size=4).map("".join)


def leaked(encoded: bytes, texts: Iterable[str] | None = None) -> list[str]:
    """Those of `texts` (by default of the secrets) that stand in the bytes, or in their base64."""
    wanted: Sequence[str] = (
        [secret for _, secret in SECRETS.values()] if texts is None else list(texts)
    )
    return [
        text
        for text in wanted
        if text.encode() in encoded or base64.b64encode(text.encode())[:-4] in encoded
    ]
