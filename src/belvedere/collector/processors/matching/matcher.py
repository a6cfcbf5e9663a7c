"""Properties made into tests, which are passed or failed by a scope at once where they can be."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from belvedere.collector.processors.attribute_actions.steps import find
from belvedere.collector.processors.matching.properties import (
    SPAN_KINDS,
    AttributeProperty,
    MatchConfig,
    MatchProperties,
    SeverityNumberProperty,
)
from belvedere.collector.regex import search
from belvedere.otlp.any_value import any_value, text_of

Test: TypeAlias = Callable[[Any], bool]
"""Of a span, a metric or a log record."""
_TextTest: TypeAlias = Callable[[str], bool]

_NO_SERVICE: Final = "<nil-service-name>"
"""What the Collector takes for the name of a service without one."""
_REMEMBERED: Final = 1024
"""Outcomes remembered of what has few values, such as names, if the configuration does not say."""
_SIMPLE: Final = frozenset({"string_value", "bool_value", "int_value", "double_value"})


def everything(_: Any) -> bool:
    """The test that all items pass."""
    return True


class Matcher:
    """`include` and `exclude`.

    After the Collector's code where its documentation differs from it: all of `resources` must
    match. Of `libraries`, as documented, one.
    """

    def __init__(self, config: MatchConfig) -> None:
        self._include = _Properties(config.include) if config.include else None
        self._exclude = _Properties(config.exclude) if config.exclude else None

    def of_scope(self, resource: Any, scope: Any) -> Test | None:
        """The test for items of that scope; None if none can pass, `everything` if all do."""
        wanted = self._include.of_scope(resource, scope) if self._include else everything
        unwanted = self._exclude.of_scope(resource, scope) if self._exclude else None
        if wanted is None or unwanted is everything:
            return None
        if unwanted is None:
            return wanted
        return lambda item: wanted(item) and not unwanted(item)


class _Properties:
    def __init__(self, properties: MatchProperties) -> None:
        self._of_resource: list[Test] = []
        self._of_scope: list[Test] = []
        if properties.services:
            one_of = _text_test(properties.services, properties)
            self._of_resource.append(lambda resource: one_of(_service_name(resource)))
        if properties.resources:
            of_resource = _attributes_test(properties.resources, properties)
            self._of_resource.append(lambda resource: of_resource(resource.attributes))
        if properties.libraries:
            self._of_scope.append(_library_test(properties))
        self._of_item = list(_item_tests(properties))

    def of_scope(self, resource: Any, scope: Any) -> Test | None:
        if not all(test(resource) for test in self._of_resource):
            return None
        if not all(test(scope) for test in self._of_scope):
            return None
        tests = self._of_item
        if not tests:
            return everything
        return tests[0] if len(tests) == 1 else lambda item: all(test(item) for test in tests)


def _item_tests(properties: MatchProperties) -> Iterable[Test]:
    for key, read in _ITEM_TEXTS.items():
        if texts := getattr(properties, key):
            remembered = 0 if key == "log_bodies" else _REMEMBERED
            yield _reading(read, _text_test(texts, properties, remembered))
    if properties.log_severity_number:
        yield _severity_test(properties.log_severity_number)
    if properties.attributes:
        test = _attributes_test(properties.attributes, properties)
        yield lambda item: test(item.attributes)


def _reading(read: Callable[[Any], str], test: _TextTest) -> Test:
    return lambda item: test(read(item))


def _text_test(
    texts: Sequence[str],
    properties: MatchProperties,
    remembered_outcomes: int | None = _REMEMBERED,
) -> _TextTest:
    """Whether a text is one of these, or has a part that one of these expressions matches."""
    if properties.match_type == "strict":
        return frozenset(texts).__contains__
    searches = [search(pattern) for pattern in texts]
    test: _TextTest = searches[0]
    if len(searches) > 1:

        def test(text: str) -> bool:
            return any(each(text) for each in searches)

    if properties.regexp.cacheenabled:
        remembered_outcomes = properties.regexp.cachemaxnumentries or None
    return test if remembered_outcomes == 0 else lru_cache(remembered_outcomes)(test)


def _attributes_test(
    expected: Iterable[AttributeProperty], properties: MatchProperties
) -> Callable[[Any], bool]:
    tests = [(each.key, _value_test(each.value, properties)) for each in expected]

    def test(attributes: Any) -> bool:
        for key, value_test in tests:
            found = find(attributes, key)
            if found is None or not value_test(found.value):
                return False
        return True

    return test


def _value_test(expected: Any, properties: MatchProperties) -> Callable[[AnyValue], bool]:
    if expected is None:
        return everything
    if properties.match_type == "strict":
        return any_value(expected).__eq__
    text_test = _text_test((expected,), properties, 0)
    return lambda value: value.WhichOneof("value") in _SIMPLE and text_test(text_of(value))


def _library_test(properties: MatchProperties) -> Test:
    tests = [
        (
            _text_test((each.name,), properties),
            everything if each.version is None else _text_test((each.version,), properties),
        )
        for each in properties.libraries
    ]
    return lambda scope: any(name(scope.name) and version(scope.version) for name, version in tests)


def _severity_test(expected: SeverityNumberProperty) -> Test:
    least, undefined = expected.min, expected.match_undefined

    def test(record: Any) -> bool:
        number: int = record.severity_number
        return number >= least if number else undefined

    return test


def _service_name(resource: Any) -> str:
    service = find(resource.attributes, "service.name")
    return _NO_SERVICE if service is None else text_of(service.value)


def _kind(span: Any) -> str:
    return SPAN_KINDS[span.kind] if span.kind in range(len(SPAN_KINDS)) else ""


_ITEM_TEXTS: Final[dict[str, Callable[[Any], str]]] = {
    "span_names": lambda span: str(span.name),
    "span_kinds": _kind,
    "log_bodies": lambda record: text_of(record.body),
    "log_severity_texts": lambda record: str(record.severity_text),
    "metric_names": lambda metric: str(metric.name),
}
