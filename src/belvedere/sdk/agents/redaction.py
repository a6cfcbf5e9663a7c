"""What captured content must not carry: keys, cards and e-mail addresses are replaced by marks.

A table of patterns of our own, because no library was both light and right for this (looked at in
November 2026): presidio-analyzer brings spaCy (36 packages) and knows no API keys; scrubadub brings
scikit-learn (23 packages), its last release is of 2023; detect-secrets judges lines of source code
and takes ordinary words of prose for secrets (4 ms a line); datafog reports its own use to a third
party; argus-redact leaves parts of addresses and cards readable. Any of them can be plugged in as
`redact=` of `belvedere.init`, which runs after this table.

Each pattern is linear in the text: it starts only where a token starts, or has bounded repeats.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass


def _luhn(text: str) -> bool:
    """Whether the digits of `text` have the check digit of ISO/IEC 7812 (payment cards)."""
    digits = [int(character) for character in reversed(text) if character.isdecimal()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


@dataclass(frozen=True, slots=True)
class Pattern:
    """What to find.

    Attributes:
        name: What the mark calls it.
        regex: What is replaced, but for its group `keep`.
        hint: One of these stands in each text that has a match, when in lower case: a text without
            is not searched.
        check: Whether what was matched is it.
    """

    name: str
    regex: re.Pattern[str]
    hint: tuple[str, ...] | re.Pattern[str]
    check: Callable[[str], bool] | None = None

    def apply(self, text: str, lowered: str) -> str:
        """`text` with each match replaced; `lowered` is the text in lower case."""
        hints = self.hint
        if isinstance(hints, tuple):
            for hint in hints:  # the quickest way: most texts are short and have none
                if hint in lowered:
                    return self.regex.sub(self._replace, text)
            return text
        return self.regex.sub(self._replace, text) if hints.search(lowered) else text

    def _replace(self, match: re.Match[str]) -> str:
        if self.check is not None and not self.check(match[0]):
            return match[0]
        kept = match["keep"] if "keep" in self.regex.groupindex else ""
        return f"{kept}{mark(self.name)}"


def mark(name: str) -> str:
    """What stands where something of this name was."""
    return f"[redacted:{name}]"


_ESCAPED = r"(?<=\\[nrtbf])|(?<=\\x[0-9a-f]{2})|(?<=\\u[0-9a-f]{4})"
_START = rf"(?:(?<![A-Za-z0-9])|{_ESCAPED})"
"""Where a token starts: also behind an escape, in JSON inside of JSON and in a `repr`."""
_QUOTE = r"(?:\\{0,4}[\"'])?"

_ISSUED_KEYS = (
    r"sk-(?=[\w-]{0,200}\d)[\w-]{16,}",  # OpenAI, Anthropic, and others that copy them
    r"[srp]k_(?:live|test)_\w{10,}",  # Stripe
    r"gh[pousr]_\w{20,}",  # GitHub
    r"github_pat_\w{20,}",
    r"glpat-[\w-]{16,}",  # GitLab
    r"xox[abeoprs]-[\w-]{10,}",  # Slack
    r"A(?:KIA|SIA)[0-9A-Z]{16}",  # AWS
    r"AIza[\w-]{30,}",  # Google
    r"ya29\.[\w-]{20,}",
    r"hf_\w{20,}",  # Hugging Face
    r"gsk_\w{20,}",  # Groq
    r"npm_\w{30,}",
    r"pypi-[\w-]{40,}",
    r"SG\.[\w-]{16,64}\.[\w-]{16,64}",  # SendGrid
)
_STARTS_OF_KEYS = (
    *("sk-", "k_live", "k_test", "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "glpat-"),
    *("xox", "akia", "asia", "aiza", "ya29.", "hf_", "gsk_", "npm_", "pypi-", "sg."),
)
_NAMES_OF_SECRETS = (
    r"api[_-]?key|access[_-]?key|secret(?:[_-](?:access[_-])?key)?|client[_-]?secret|private[_-]?key|"
    r"password|passwd|(?:access|auth|refresh|session)[_-]?token"
)

_PARTS_OF_NAMES = (
    *("secret", "passw", "_key", "-key", "ikey", "skey", "ekey"),
    *("_token", "-token", "stoken", "htoken", "ntoken"),
)
_FOUR_DIGITS = re.compile(r"\d\d\d\d")

PATTERNS = (
    Pattern(
        "private_key",
        re.compile(
            r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"
            r"[\s\S]*?(?:-----END [A-Z ]{0,20}PRIVATE KEY-----|\Z)"
        ),
        hint=("-----begin",),
    ),
    Pattern(
        "token",
        re.compile(rf"(?:(?<![\w-])|{_ESCAPED})eyJ[\w-]{{8,}}\.[\w-]{{8,}}(?:\.[\w-]*)?"),
        hint=("eyj",),  # JWT
    ),
    Pattern("key", re.compile(rf"{_START}(?:{'|'.join(_ISSUED_KEYS)})"), hint=_STARTS_OF_KEYS),
    Pattern(
        "credentials",
        re.compile(r"(?P<keep>://)[^\s/:@]{0,200}:[^\s/@]{1,200}(?=@)"),
        hint=("://",),
    ),
    Pattern(
        "token",
        re.compile(
            rf"(?i)(?P<keep>{_START}(?:bearer|basic)[ \t]{{1,4}})"
            r"(?=[\w.~+/=-]{0,200}\d)[\w.~+/=-]{16,}"
        ),
        hint=("bearer", "basic"),
    ),
    Pattern(
        "secret",
        re.compile(
            rf"(?i)(?P<keep>{_START}(?:{_NAMES_OF_SECRETS}){_QUOTE}\s{{0,4}}[:=]\s{{0,4}}{_QUOTE})"
            r"(?!\[redacted:)(?:[^\s\"',;&\\]|\\(?![\"'])){4,}"
        ),
        hint=_PARTS_OF_NAMES,
    ),
    Pattern(
        "email",
        re.compile(r"(?<![\w.+-])[\w.+-]{1,256}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
        hint=("@",),
    ),
    Pattern("card", re.compile(r"(?<!\d)[2-6]\d{12,18}(?!\d)"), _FOUR_DIGITS, _luhn),
    Pattern(
        "card",
        re.compile(
            r"(?<!\d)(?:[2-6]\d{3}(?P<gap>[ -])\d{4}(?P=gap)\d{4}(?P=gap)\d{4}(?:(?P=gap)\d{1,3})?"
            r"|3\d{3}(?P<amex>[ -])\d{6}(?P=amex)\d{4,5})(?!\d)"
        ),
        _FOUR_DIGITS,
        _luhn,
    ),
)
"""Applied in this order: what is longest and surest first."""

_SECRET_FIELD = re.compile(
    rf"(?i)(?:[\w-]{{0,40}}[_-])?(?:{_NAMES_OF_SECRETS})|token|authorization|cookie|set-cookie"
)


def redact(text: str) -> str:
    """`text` with keys, tokens, passwords, cards and e-mail addresses replaced by marks."""
    lowered = text.lower()
    for pattern in PATTERNS:
        text = pattern.apply(text, lowered)
    return text


def is_secret_field(name: str) -> bool:
    """Whether the value under this name is a secret whatever it looks like (`password`, ...)."""
    return _SECRET_FIELD.fullmatch(name) is not None
