"""`ParseXML` and `ParseSimplifiedXML`, on expat. Documents with a DTD are refused."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from belvedere.collector.ottl.errors import EvaluationError

MAX_DEPTH = 100
"""Elements within each other. The Collector's 10,000 would not fit in an OTLP value anyway:
parsers of protobuf stop at 100 messages within each other."""


@dataclass(slots=True)
class _Element:
    tag: str
    attributes: dict[str, str]
    children: list["_Element"] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def parse_xml(target: str) -> dict[str, Any]:
    """`ParseXML`: an element is a map of its tag, attributes, content and children."""
    return _as_map(_document(target))


def parse_simplified_xml(target: str) -> dict[str, Any]:
    """`ParseSimplifiedXML`: an element is its text or its children; several of a tag, a slice."""
    root = _Element("", {}, [_document(target)])
    simple = _simple(root)
    return simple if isinstance(simple, dict) else {}


def _as_map(element: _Element) -> dict[str, Any]:
    result: dict[str, Any] = {"tag": element.tag}
    if content := "".join(text.strip() for text in element.texts):
        result["content"] = content
    if element.attributes:
        result["attributes"] = element.attributes
    if element.children:
        result["children"] = [_as_map(child) for child in element.children]
    return result


def _simple(element: _Element) -> dict[str, Any] | str | None:
    if not element.children:
        return "".join(element.texts).strip() or None
    result: dict[str, Any] = {}
    tags = Counter(child.tag for child in element.children)
    for child in element.children:
        value = _simple(child)
        if tags[child.tag] > 1:
            same = result.setdefault(child.tag, [])
            if value is not None:
                same.append(value)
        elif value is not None:
            result[child.tag] = value
    return result


def _document(text: str) -> _Element:
    document = _Element("", {})
    stack = [document]

    def start(tag: str, attributes: dict[str, str]) -> None:
        if len(stack) > MAX_DEPTH:
            raise EvaluationError(f"XML with more than {MAX_DEPTH} elements within each other")
        element = _Element(tag, attributes)
        stack[-1].children.append(element)
        stack.append(element)

    def end(_tag: str) -> None:
        stack.pop()

    def text_of(text: str) -> None:
        stack[-1].texts.append(text)

    def refuse(*_: Any) -> None:
        raise EvaluationError("XML with a DTD is refused: its entities can fill the memory")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text_of
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise EvaluationError(f"not XML: {error}") from None
    return document.children[0]
