"""A group in words: its traits as sentences of the criteria language, and a name made of the strongest."""

from collections.abc import Mapping, Sequence
from typing import Any

from cultiva.criteria.language import LANGUAGES, parse, say
from cultiva.criteria.words import EVENTS, attribute_words, pick
from cultiva.segments.personas.features import Column

MOST_NAMED = 3
MOST_VALUES = 2  # of one attribute
MOST_CHARACTERS = 80
READS, AND_OTHERS = ("lee", "reads"), ("y otros", "and others")
ROLE_WORDS = ("title", "role", "cargo", "puesto", "rol", "funcion", "position")  # who they are comes first


def words_of(criteria: Mapping[str, Any]) -> dict[str, str]:
    """{es, en}"""
    node = parse(criteria)
    return {language: say(node, language) for language in LANGUAGES}


def name_of(traits: Sequence[tuple[Column, Sequence[int], Mapping[str, Any]]], number: int) -> dict[str, str]:
    """{es, en} of the strongest traits: what they do for a living, then where, then what they do with us."""
    told = [each for each in traits if "at_most" not in str(each[2].get("times", ""))]
    who = [each for each in told if each[0].kind != "event"][: MOST_NAMED - 1]
    did = [each for each in told if each[0].kind == "event"][: MOST_NAMED - len(who)]
    who.sort(key=lambda each: not any(word in each[0].name for word in ROLE_WORDS))
    names = {}
    for language in LANGUAGES:
        words = dict.fromkeys(_short(column, levels, language) for column, levels, _said in (*who, *did))
        name = _cut(list(words))
        names[language] = name[:1].upper() + name[1:] or f"{pick(('Grupo', 'Group'), language)} {number}"
    return names


def _cut(words: list[str]) -> str:
    """As many as there is room for."""
    while len(words) > 1 and len(", ".join(words)) > MOST_CHARACTERS:
        words.pop()
    return ", ".join(words)[:MOST_CHARACTERS]


def _short(column: Column, levels: Sequence[int], language: str) -> str:
    labels = [column.levels[level].label for level in levels]
    if column.kind == "event":
        if column.path:
            return f"{pick(READS, language)} {column.path}"
        return pick(EVENTS[column.name], language) if column.name in EVENTS else column.name
    if column.kind == "number":
        label = _range(column, levels)
    elif len(labels) > MOST_VALUES:
        label = f"{', '.join(labels[:MOST_VALUES])} {pick(AND_OTHERS, language)}"
    else:
        label = " / ".join(labels)
    if column.kind == "number" or labels[0] in ("true", "false") or not any(each.isalpha() for each in label[:1]):
        return f"{attribute_words(column.name, language).split(maxsplit=1)[-1]} {label}"
    return label


def _range(column: Column, levels: Sequence[int]) -> str:
    """`12–55`, `≥ 56`, `< 12`."""
    first, last = column.levels[min(levels)].label, column.levels[max(levels)].label
    if min(levels) == 0:
        return f"≤ {last.split('–')[-1]}" if "–" in last else last
    return f"≥ {first.split('–')[0]}" if max(levels) == len(column.levels) - 1 and "–" in first else first
