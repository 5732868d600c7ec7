"""Where in a file a place of its document stands: `rules[3].points` is line 41."""

import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

STEP = re.compile(r"\[\d+\]|[^\s.,\[\]]+")
LONGEST = 500_000
NAMED = re.compile(r"`([^`]+)`|'([^']+)'")


def line_of(text: str, place: str, problem: str = "") -> int | None:
    """The line, from 1, of a DocumentError's place; its problem may name a key or a value that stands there."""
    if told := re.search(r"\bline (\d+)", place):
        return int(told[1])
    if len(text) > LONGEST:  # finding out would take longer than anybody waits
        return None
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, ValueError, RecursionError):
        return None
    if node is None:
        return None
    mark = node.start_mark
    for step in STEP.findall(place):
        found = _below(node, step)
        if found is None:
            continue
        mark, below = found
        node = node if isinstance(below, ScalarNode) else below
    for names in NAMED.findall(problem):
        if found := _named(node, next(name for name in names if name)):
            mark = found
            break
    return int(mark.line) + 1


def _below(node: Any, step: str) -> tuple[Any, Any] | None:
    """(mark, node) one step down; `languages` may be left out, and a row may be counted from 1."""
    if isinstance(node, SequenceNode):
        number = int(step[1:-1]) if step.startswith("[") else int(step) - 1 if step.isdecimal() else -1
        return (node.value[number].start_mark, node.value[number]) if 0 <= number < len(node.value) else None
    if not isinstance(node, MappingNode):
        return None
    for key, value in node.value:
        if key.value == step:
            return key.start_mark, value
    within = next((value for key, value in node.value if key.value == "languages"), None)
    return _below(within, step) if within is not None and step != "languages" else None


def _named(node: Any, name: str) -> Any:
    """The mark of a key or a value that is so called, right here."""
    pairs = node.value if isinstance(node, MappingNode) else [(each, each) for each in getattr(node, "value", [])]
    if isinstance(node, ScalarNode):
        return None
    for key, value in pairs:
        if name in (key.value, value.value):
            return key.start_mark
        if isinstance(value, SequenceNode) and any(each.value == name for each in value.value):
            return next(each.start_mark for each in value.value if each.value == name)
    return None
