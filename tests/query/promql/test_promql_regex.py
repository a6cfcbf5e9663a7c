"""Regular expressions: whole texts, Go's messages, bounds."""

import pytest

from belvedere.query.promql.regex import BadRegexError, compile_anchored


@pytest.mark.parametrize(
    ("expression", "text", "matches"),
    [
        ("a|b", "a", True),
        ("a|b", "ab", False),
        ("a.c", "a\nc", True),
        ("", "", True),
        ("(?i)A", "a", True),
        ("(" * 1000 + "a" + ")" * 1000, "a", True),
        (r"\(" * 5000, "(" * 5000, True),
        ("(a)" * 5000, "a" * 5000, True),
        ("|".join(f"pod-{n}" for n in range(20_000)), "pod-19999", True),
    ],
    ids=[
        *("either", "whole", "newline", "empty", "flag", "depth", "escaped", "groups"),
        "alternatives",
    ],
)
def test_texts_match_as_a_whole(expression: str, text: str, *, matches: bool) -> None:
    assert (compile_anchored(expression).search(text) is not None) is matches


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("a(", "missing closing ): `^(?s:a()$`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("(a{1000}){1000}", "invalid repeat count: `{1000}`"),
        ("(" * 5000 + ")" * 5000, "expression nests too deeply: `" + "(" * 100 + "…`"),
        ("a\udcff", "invalid UTF-8: `a\udcff`"),
    ],
    ids=["syntax", "count", "product", "depth", "no text"],
)
def test_what_is_none_is_told_in_gos_words(expression: str, message: str) -> None:
    with pytest.raises(BadRegexError) as caught:
        compile_anchored(expression)
    assert str(caught.value) == f"error parsing regexp: {message}"


def test_groups_are_bounded_where_they_are_wanted() -> None:
    assert compile_anchored("(a)b", groups=True).search("ab").group(1) == "a"
    with pytest.raises(BadRegexError, match="expression too large"):
        compile_anchored("(a)" * 1001, groups=True)
