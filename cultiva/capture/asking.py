"""Which questions of a form are asked of whom: conditions on answers, and what is not known yet."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext

from cultiva.criteria.comparisons import DATE_SYMBOLS, DAY_COUNTS, OPERATORS
from cultiva.criteria.conditions.attribute import Attribute
from cultiva.criteria.language import Context, Node, compile_predicate, conditions_of, parse, placed_conditions
from cultiva.lib.database import fetch_all
from cultiva.lib.documents import DocumentError, Mistakes
from cultiva.lib.folding import folded_where_different

Json = dict[str, Any]

# Dates depend on the day, and patterns on an engine's letters: a page cannot answer them as the database does.
ON_ANSWERS = [each for each in OPERATORS if each not in (*DATE_SYMBOLS, *DAY_COUNTS, "matches")]


def read_condition(document: Any, *, earlier: list[str], place: str) -> Node:
    """The criteria of a field: attributes alone, which are the answers to questions before it. Raises DocumentError."""
    node = parse(document, place=place)
    mistakes = Mistakes()
    for where, condition in placed_conditions(node, place):
        mistakes.of(_check_condition, condition, earlier, where)
    mistakes.tell()
    return node


def _check_condition(condition: Any, earlier: list[str], place: str) -> None:
    if not isinstance(condition, Attribute):
        hint = gettext("for example %(example)s") % {"example": "{attribute: crop, is: olive}"}
        raise DocumentError(place, gettext("a form knows the answers alone"), hint)
    if condition.name not in earlier:
        hint = gettext("nothing is asked before it")
        if earlier:
            hint = gettext("asked before it: %(listed)s") % {"listed": ", ".join(earlier)}
        words = gettext("`%(key)s` is not asked before this field") % {"key": condition.name}
        raise DocumentError(place, words, hint)
    if condition.comparison.operator not in ON_ANSWERS:
        words = gettext("`%(operator)s` cannot be asked of answers") % {"operator": condition.comparison.operator}
        raise DocumentError(place, words, gettext("accepted: %(listed)s") % {"listed": ", ".join(ON_ANSWERS)})


def conditions_in(fields: list[Json]) -> list[Node]:
    return [parse(field["when"]) for field in fields if "when" in field]


def hidden_fields(fields: list[Json], answers: Mapping[str, Any]) -> set[str]:
    """The fields whose condition does not hold. An answer to a question that is hidden counts as not given."""
    conditional = [(field["key"], json.dumps(field["when"])) for field in fields if "when" in field]
    hidden: set[str] = set()
    while conditional:  # each round settles at least one more field: conditions look back, never ahead
        before, known = hidden, {key: value for key, value in answers.items() if key not in hidden}
        hidden = _that_do_not_hold(tuple(conditional), known)
        if hidden == before or not _depends(conditional, hidden ^ before):
            break
    return hidden


def _depends(conditional: list[tuple[str, str]], changed: set[str]) -> bool:
    return any(
        condition.name in changed
        for _key, text in conditional
        for condition in conditions_of(_parsed(text))
        if isinstance(condition, Attribute)
    )


def _that_do_not_hold(conditional: tuple[tuple[str, str], ...], answers: Json) -> set[str]:
    """By the same compiled criteria that segments use, over the answers in place of a lead's attributes."""
    sql, parameters = _statement(conditional)
    folded = folded_where_different(answers)
    given = {"answers": json.dumps(answers), "folded": json.dumps(folded) if folded else None}
    row = fetch_all(sql, {**parameters, **given})[0]
    return {key for n, (key, _text) in enumerate(conditional) if not row[f"holds_{n}"]}


@lru_cache(maxsize=500)
def _statement(conditional: tuple[tuple[str, str], ...]) -> tuple[str, Json]:
    context = Context()
    columns = [f"{compile_predicate(_parsed(text), context)} AS holds_{n}" for n, (_, text) in enumerate(conditional)]
    # S608: the columns are compiled criteria, whose values are bound.
    sql = f"SELECT {', '.join(columns)} FROM (SELECT %(answers)s::jsonb AS attributes, %(folded)s::jsonb AS folded) l"  # noqa: S608
    return sql, context.parameters


@lru_cache(maxsize=500)
def _parsed(text: str) -> Node:
    return parse(json.loads(text))


def left_out(body: Json, known: Mapping[str, Any]) -> set[str]:
    """The questions that are not asked of somebody of whom so much is known: answered ones, and those beyond the
    number that a form asks at once. They come in the order of the document, so the next visit asks the next ones.
    """
    unknown = [field["key"] for field in body["fields"] if field.get("ask") == "unknown"]
    answered = {key for key in unknown if known.get(key) not in (None, "", [])}
    most = body.get("unknown_at_most")
    waiting = [key for key in unknown if key not in answered]
    return answered | set(waiting[most:] if most is not None else ())
