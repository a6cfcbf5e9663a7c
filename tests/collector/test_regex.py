"""Regular expressions of configurations."""

import pytest
from pydantic import TypeAdapter, ValidationError

from belvedere.collector.regex import RegexText, cached_search, compile_regex, search


def test_a_part_of_the_text_is_enough() -> None:
    for find in (search("b+"), cached_search("b+")):
        assert find("abbc")
        assert not find("ac")


@pytest.mark.parametrize("pattern", ["(", "a(?=b)", r"(a)\1"], ids=["open", "lookahead", "backref"])
def test_what_re2_does_not_know_is_refused_with_the_expression(
    pattern: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="is no regular expression of RE2's syntax: "):
        compile_regex(pattern)
    with pytest.raises(ValidationError, match="RE2"):
        TypeAdapter(RegexText).validate_python(pattern)
    assert capfd.readouterr().err == ""
