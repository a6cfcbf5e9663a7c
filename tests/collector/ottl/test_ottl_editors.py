"""The editors, by upstream's documented examples."""

from typing import Any

import pytest
from ottl_records import log_record, run, value_of

from belvedere.collector.ottl import Context, EvaluationError, OttlError, statement
from belvedere.collector.ottl.functions.editors import EDITORS

PEOPLE = {
    "name": "test",
    "address": {"street": "first", "house": 1234},
    "occupants": ["user 1", "user 2"],
}
CONFLICTS = {
    "address": {"street": {"number": "first"}, "house": "1234"},
    "address.street": {"number": ["second", "third"]},
    "address.street.number": "fourth",
    "occupants": ["user 1", "user 2"],
}


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ('set(attributes["a"], "x")', {"b": 1}, {"b": 1, "a": "x"}),
        ('set(attributes["a"], "x")', {"a": 1}, {"a": "x"}),
        ('append(attributes["tags"], "prod")', {}, {"tags": ["prod"]}),
        ('append(attributes["tags"], "prod")', {"tags": "x"}, {"tags": ["x", "prod"]}),
        ('append(attributes["t"], values = ["a", "b"])', {"t": [1]}, {"t": [1, "a", "b"]}),
        ('append(attributes["t"], attributes["u"])', {"u": [1, 2]}, {"u": [1, 2], "t": [1, 2]}),
        ('delete_index(attributes["t"], 0)', {"t": [1, 2, 3]}, {"t": [2, 3]}),
        ('delete_index(attributes["t"], Len(attributes["t"]) - 1)', {"t": [1, 2]}, {"t": [1]}),
        ('delete_index(attributes["t"], 0, 2)', {"t": [1, 2, 3]}, {"t": [3]}),
        ('delete_index(attributes["t"], 1, endIndex = 1)', {"t": [1, 2]}, {"t": [1, 2]}),
        ('delete_key(attributes, "a")', {"a": 1, "b": 2}, {"b": 2}),
        ('delete_key(attributes["m"], "a")', {"m": {"a": 1, "b": 2}}, {"m": {"b": 2}}),
        (
            'delete_matching_keys(attributes, "(?i).*password.*")',
            {"a": 1, "userPassword": 2, "password": 3},
            {"a": 1},
        ),
        ('keep_matching_keys(attributes, "^http")', {"http.a": 1, "b": 2}, {"http.a": 1}),
        ('keep_keys(attributes, ["a", "c"])', {"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 3}),
        ("keep_keys(attributes, [])", {"a": 1}, {}),
        ("limit(attributes, 2, [])", {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2}),
        ('limit(attributes, 2, ["c"])', {"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 3}),
        ("limit(attributes, 9, [])", {"a": 1}, {"a": 1}),
        ('merge_maps(attributes, {"a": 9, "b": 9}, "insert")', {"a": 1}, {"a": 1, "b": 9}),
        ('merge_maps(attributes, {"a": 9, "b": 9}, "update")', {"a": 1}, {"a": 9}),
        ('merge_maps(attributes, {"a": 9, "b": 9}, "upsert")', {"a": 1}, {"a": 9, "b": 9}),
        (
            'merge_maps(attributes, ParseJSON("{\\"x\\": 1}"), "upsert")',
            {},
            {"x": 1.0},
        ),
        (
            'replace_match(attributes["u"], "/user/*/list/*", "/user/{userId}/list/{listId}")',
            {"u": "/user/1/list/2"},
            {"u": "/user/{userId}/list/{listId}"},
        ),
        ('replace_match(attributes["u"], "a*", "b")', {"u": "ba"}, {"u": "ba"}),
        ('replace_match(attributes["u"], "a", "b")', {"u": 1}, {"u": 1}),
        (
            'replace_all_matches(attributes, "/user/*", "/user/{id}")',
            {"a": "/user/1", "b": "/x", "c": 1},
            {"a": "/user/{id}", "b": "/x", "c": 1},
        ),
        (
            'replace_all_matches(attributes, "{a,b?}[0-9]", "x", ToUpperCase, "<%s>")',
            {"a": "a1", "b": "bc2", "c": "c3"},
            {"a": "<X>", "b": "<X>", "c": "c3"},
        ),
        (
            'replace_pattern(attributes["c"], "password\\\\=[^\\\\s]*(\\\\s?)", "password=***")',
            {"c": "run password=secret"},
            {"c": "run password=***"},
        ),
        (
            'replace_pattern(attributes["c"], "^kube_([0-9A-Za-z]+_)", "k8s.$1.")',
            {"c": "kube_pod_x"},
            {"c": "k8s.pod_.x"},
        ),
        (
            'replace_pattern(attributes["c"], "(?P<first>.)(.)", "${2}${first}$$$none")',
            {"c": "abcé"},
            {"c": "ba$éc$"},
        ),
        (
            'replace_pattern(attributes["c"], "b+", "$0", SHA256, "hash(%s)")',
            {"c": "abb"},
            {"c": "ahash(" + "3b64db95cb55c763391c707108489ae18b4112d783300de38e033b4c98c3deaf)"},
        ),
        ('replace_pattern(attributes["missing"], "a", "b")', {"c": "a"}, {"c": "a"}),
        (
            'replace_all_patterns(attributes, "value", "/account/\\\\d{4}", "/account/{id}")',
            {"a": "x/account/1234", "b": 1},
            {"a": "x/account/{id}", "b": 1},
        ),
        (
            'replace_all_patterns(attributes, "key", "^kube_([a-z]+)_", "k8s.$1.")',
            {"kube_pod_x": 1, "b": 2},
            {"k8s.pod.x": 1, "b": 2},
        ),
        (
            'replace_all_patterns(attributes, "key", "[0-9]", "")',
            {"a1": 1, "b": 2, "a2": 3},
            {"a": 3, "b": 2},
        ),
        (
            "stringify_all(attributes)",
            {"a": 42, "b": 3.14, "c": True, "d": b"\x01", "e": {"k": [1]}, "f": None, "g": "s"},
            {"a": "42", "b": "3.14", "c": "true", "d": "AQ==", "e": '{"k":[1]}', "f": "", "g": "s"},
        ),
        ("truncate_all(attributes, 3)", {"a": "abcd", "b": 12345}, {"a": "abc", "b": 12345}),
        ("truncate_all(attributes, 4)", {"a": "ééé"}, {"a": "éé"}),
        ("truncate_all(attributes, 3)", {"a": "ééé"}, {"a": "é"}),
        ('truncate_all(attributes, 5, false, "..")', {"a": "abcdef"}, {"a": "abc.."}),
        ('truncate_all(attributes, 5, truncation_marker = "..")', {"a": "abcde"}, {"a": "abcde"}),
        (
            "flatten(attributes)",
            PEOPLE,
            {
                "name": "test",
                "address.street": "first",
                "address.house": 1234,
                "occupants.0": "user 1",
                "occupants.1": "user 2",
            },
        ),
        (
            'flatten(attributes, "app")',
            PEOPLE,
            {
                "app.name": "test",
                "app.address.street": "first",
                "app.address.house": 1234,
                "app.occupants.0": "user 1",
                "app.occupants.1": "user 2",
            },
        ),
        (
            "flatten(attributes, depth = 2)",
            {"0": {"1": {"2": {"3": {"4": "value"}}}}},
            {"0.1.2": {"3": {"4": "value"}}},
        ),
        ("flatten(attributes, depth = 0)", {"a": {"b": 1}}, {"a": {"b": 1}}),
        (
            "flatten(attributes, resolveConflicts = true)",
            CONFLICTS,
            {
                "address.street.number": "first",
                "address.house": "1234",
                "address.street.number.0": "second",
                "address.street.number.1": "third",
                "address.street.number.2": "fourth",
                "occupants": "user 1",
                "occupants.0": "user 2",
            },
        ),
        (
            "flatten(attributes, resolveConflicts = true)",
            {"calls": [{"name": "a"}, "b", {"name": "c"}, "d", {}]},
            {"calls.0.name": "a", "calls": "b", "calls.2.name": "c", "calls.0": "d"},
        ),
        (
            "flatten(attributes, depth = 1, resolveConflicts = true)",
            {"calls": [{"name": "a"}, "b"]},
            {"calls": {"name": "a"}, "calls.0": "b"},
        ),
    ],
)
def test_editors(text: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    record = log_record(**before)
    original = record.log.SerializeToString(deterministic=True)
    changed = run(text, record, Context.LOG)
    assert value_of("attributes", record, Context.LOG) == after
    assert list(value_of("attributes", record, Context.LOG)) == list(after)
    if not changed:
        assert record.log.SerializeToString(deterministic=True) == original
    assert changed or before == after


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('delete_index(attributes["s"], 0)', "a slice is expected, not a string"),
        ('delete_index(attributes["l"], 2)', "a slice of 2 has nothing from 2 to 3"),
        ('limit(attributes, 0, ["s"])', "1 keys have priority, but the limit is 0"),
        ('truncate_all(attributes, 1, true, "..")', "longer than the limit"),
        ('replace_pattern(attributes["l"], "a", "b")', "a string is expected, not a slice"),
        ('replace_match(attributes["s"], "*", "b", SHA1, "x")', "must have one %s"),
        ('replace_match(attributes["s"], "*", "b", Len)', "the function makes an int"),
        ('merge_maps(attributes, attributes["s"], "insert")', "a map is expected, not a string"),
        ('set(attributes["x"], Concat(attributes["s"], ""))', "a slice is expected"),
    ],
)
def test_values_that_editors_do_not_take(text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        run(text, log_record(s="text", l=[1, 2]), Context.LOG)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sett(body, 1)", "there is no editor `sett`; did you mean 'set'"),
        ("set(body)", "`set` needs the argument value"),
        ("set(1, 2)", "a path is expected, as this is what changes"),
        ('merge_maps(attributes, {}, "replace")', "one of insert, update, upsert is expected"),
        ('replace_all_patterns(attributes, "keys", "a", "b")', "one of key, value is expected"),
        ("limit(attributes, -1, [])", "a number that is not negative is expected, not -1"),
        ("keep_keys(attributes, [1])", "a list of strings is expected"),
        ('delete_matching_keys(attributes, "(")', "pattern of `delete_matching_keys`"),
        ('replace_match(body, "a", "b", SHA25)', "there is no converter `SHA25`"),
        ('replace_match(body, "a", "b", "SHA256")', "the name of a converter is expected"),
        ('replace_match(body, "a", "b", Concat)', "`Concat` takes more than one string"),
    ],
)
def test_statements_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(OttlError) as caught:
        statement(text, Context.LOG)
    assert message in str(caught.value)


def test_the_editors_of_the_reference_are_there() -> None:
    named = (
        "set delete_key delete_matching_keys keep_keys keep_matching_keys limit truncate_all"
        " merge_maps replace_match replace_all_matches replace_pattern replace_all_patterns"
    )
    assert EDITORS.keys() >= set(named.split())


def test_the_cache_is_emptied_by_no_statement_of_the_same_record() -> None:
    record = log_record("body")
    run('set(cache["x"], body)', record, Context.LOG)
    run('set(attributes["y"], cache["x"])', record, Context.LOG)
    assert value_of('attributes["y"]', record, Context.LOG) == "body"
