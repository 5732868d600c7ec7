"""A group in words: its traits as sentences of the criteria language, and a name made of the strongest."""

from collections.abc import Mapping, Sequence
from typing import Any

from cultiva.criteria.language import LANGUAGES, parse, say
from cultiva.criteria.words import EVENTS, attribute_words, pick
from cultiva.segments.personas.features import Column

MOST_NAMED = 3
MOST_CHARACTERS = 80


def trait_words(column: Column, level: int) -> dict[str, str]:
    """{es, en}"""
    node = parse(column.exactly(level))
    return {language: say(node, language) for language in LANGUAGES}


def name_of(columns: Sequence[Column], traits: Sequence[Mapping[str, Any]], number: int) -> dict[str, str]:
    """{es, en} of the strongest traits that can be said in a word or two; who they are comes before what they do."""
    told = [(columns[each["column"]], each["level"]) for each in traits]
    told = [(column, level) for column, level in told if column.levels[level].criteria][:MOST_NAMED]
    told.sort(key=lambda each: each[0].kind == "event")
    names = {}
    for language in LANGUAGES:
        words = dict.fromkeys(_short(column, level, language) for column, level in told)
        name = ", ".join(words)[:MOST_CHARACTERS]
        names[language] = name[:1].upper() + name[1:] or f"{pick(('Grupo', 'Group'), language)} {number}"
    return names


def _short(column: Column, level: int, language: str) -> str:
    label = column.levels[level].label
    if column.kind == "number" or label in ("true", "false"):
        return f"{attribute_words(column.name, language).split(maxsplit=1)[-1]} {label}"
    if column.kind != "event":
        return label
    return column.path or (pick(EVENTS[column.name], language) if column.name in EVENTS else column.name)
