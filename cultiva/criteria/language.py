"""The one language of criteria: read, said in words, compiled to SQL (docs/reference/criteria.md)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.utils.translation import gettext

from cultiva.criteria.conditions.base import Condition, Reads
from cultiva.criteria.context import Context
from cultiva.criteria.reading import all_of
from cultiva.lib.documents import DocumentError, Mistakes, check_keys, nearest
from cultiva.lib.plugins import plugins

__all__ = [
    "AllOf", "AnyOf", "Condition", "Context", "Node", "Not", "Reads",
    "compile_predicate", "conditions_of", "names_of", "parse", "placed_conditions", "reads_of", "say",
]  # fmt: skip

OPERATORS = ("all", "any", "not")
LATER = ("campaign", "workflow")  # come with their rooms
CONDITIONS_LIMIT = 2_000  # a list in any_of is one of them
AT_A_TIME = 50
DEPTH_LIMIT = 30  # people stop at three or four; deeper trees are the mistake of a program


@dataclass(frozen=True)
class AllOf:
    nodes: tuple["Node", ...]


@dataclass(frozen=True)
class AnyOf:
    nodes: tuple["Node", ...]


@dataclass(frozen=True)
class Not:
    node: "Node"


Node = AllOf | AnyOf | Not | Condition


def parse(document: Any, *, place: str = "criteria") -> Node:
    """The tree in a document; raises DocumentError of all that is wrong, with places as in `rules[2].when.any[0]`.

    `since` is checked when the tree is compiled: only then is it known which instants there are.
    """
    tree = _parse(document, place, DEPTH_LIMIT)
    count = sum(1 for _ in conditions_of(tree))
    if count > CONDITIONS_LIMIT:
        hint = gettext("at most %(conditions_limit)s; a list in any_of counts as one, however long") % {
            "conditions_limit": f"{CONDITIONS_LIMIT:,}"
        }
        raise DocumentError(place, gettext("there are %(count)s conditions") % {"count": f"{count:,}"}, hint)
    return tree


def _parse(document: Any, place: str, depth: int) -> Node:
    if not isinstance(document, Mapping):
        example = gettext("for example {attribute: country, is: ES}")
        raise DocumentError(place, gettext("a condition is needed, not %(value)r") % {"value": document}, example)
    if depth == 0:
        raise DocumentError(place, gettext("nested more than %(most)s deep") % {"most": DEPTH_LIMIT})
    kind = _kind(document, place)
    if kind in ("all", "any"):
        nodes = _parse_list(check_keys(document, allowed=[kind], place=place)[kind], f"{place}.{kind}", depth)
        return AllOf(nodes) if kind == "all" else AnyOf(nodes)
    if kind == "not":
        inner = check_keys(document, allowed=["not"], place=place)["not"]
        return Not(_parse(inner, f"{place}.not", depth - 1))
    plugin: type[Condition] = plugins("conditions")[kind]
    return plugin.read(check_keys(document, allowed=plugin.keys, place=place), place)


def _parse_list(found: Any, place: str, depth: int) -> tuple[Node, ...]:
    if not isinstance(found, list):
        raise DocumentError(place, gettext("a list of conditions is needed, not %(value)r") % {"value": found})
    mistakes = Mistakes()
    nodes = tuple(mistakes.of(_parse, each, f"{place}[{n}]", depth - 1) for n, each in enumerate(found))
    mistakes.tell()
    return nodes


def _kind(document: Mapping[Any, Any], place: str) -> str:
    """The one key that says what a node is."""
    known = [*OPERATORS, *plugins("conditions")]
    kinds = [key for key in document if key in known]
    if len(kinds) > 1:
        listed = all_of(kinds)
        raise DocumentError(
            place,
            gettext("%(listed)s stand in one node") % {"listed": listed},
            gettext("give each its own: {all: [{..}, {..}]}"),
        )
    if not kinds:
        _refuse_later(document, place)
        if not document:
            raise DocumentError(
                place, gettext("the condition is empty"), gettext("known: %(listed)s") % {"listed": ", ".join(known)}
            )
        wrong = next(iter(document))
        raise DocumentError(place, gettext("unknown key `%(key)s`") % {"key": wrong}, nearest(wrong, known))
    return str(kinds[0])


def _refuse_later(document: Mapping[Any, Any], place: str) -> None:
    """Words of the language that this version does not speak yet."""
    for key in document:
        if key in LATER:
            raise DocumentError(
                place,
                gettext("`%(key)s` is not supported by this version yet") % {"key": key},
                "docs/reference/criteria.md",
            )


def conditions_of(node: Node) -> Iterator[Condition]:
    """Every condition in a tree, from left to right."""
    if isinstance(node, Condition):
        yield node
    for child in (node.node,) if isinstance(node, Not) else getattr(node, "nodes", ()):
        yield from conditions_of(child)


def placed_conditions(node: Node, place: str = "criteria") -> Iterator[tuple[str, Condition]]:
    """Every condition with its place in the document, as in `criteria.all[0].not`."""
    if isinstance(node, Condition):
        yield place, node
    elif isinstance(node, Not):
        yield from placed_conditions(node.node, f"{place}.not")
    else:
        word = "all" if isinstance(node, AllOf) else "any"
        for n, child in enumerate(node.nodes):
            yield from placed_conditions(child, f"{place}.{word}[{n}]")


def names_of(node: Node) -> frozenset[str]:
    """The attributes and events a tree reads, by name."""
    return frozenset[str]().union(*(condition.names() for condition in conditions_of(node)))


def reads_of(node: Node) -> Reads:
    """What the answer to a tree depends on."""
    return reduce(or_, (condition.reads() for condition in conditions_of(node)), Reads())


def compile_predicate(node: Node, context: Context) -> str:
    """SQL over `context.lead`, in parentheses: true or false, never NULL. Values are bound in the context.

    Raises DocumentError where a condition says `since` and the context does not offer that instant.
    """
    if isinstance(node, Condition):
        return f"coalesce(({node.predicate(context)}), false)"
    if isinstance(node, Not):
        return f"(NOT {compile_predicate(node.node, context)})"
    parts = [compile_predicate(child, context) for child in node.nodes]
    return _joined(parts, "AND") or "true" if isinstance(node, AllOf) else _joined(parts, "OR") or "false"


def _joined(parts: Sequence[str], word: str) -> str:
    """In halves: engines put a long row of ORs one into the other, and go only so deep."""
    if len(parts) > AT_A_TIME:
        middle = len(parts) // 2
        return f"({_joined(parts[:middle], word)} {word} {_joined(parts[middle:], word)})"
    return f"({f' {word} '.join(parts)})" if parts else ""


LANGUAGES = ("es", "en")
AND, OR = {"es": " y ", "en": " and "}, {"es": " o ", "en": " or "}
NOT = {"es": "no se cumple: ", "en": "not: "}
ALWAYS, NEVER = {"es": "siempre", "en": "always"}, {"es": "nunca", "en": "never"}


def say(node: Node, language: str) -> str:
    """A tree in plain words, in `es` or `en`."""
    if isinstance(node, Condition):
        return node.words(language)
    if isinstance(node, Not):
        return f"{NOT[language]}{_say_inside(node.node, language)}"
    if not node.nodes:
        return (ALWAYS if isinstance(node, AllOf) else NEVER)[language]
    if len(node.nodes) == 1:
        return say(node.nodes[0], language)
    joint = (AND if isinstance(node, AllOf) else OR)[language]
    return joint.join(_say_inside(child, language) for child in node.nodes)


def _say_inside(node: Node, language: str) -> str:
    words = say(node, language)
    return words if isinstance(node, Condition) else f"({words})"
