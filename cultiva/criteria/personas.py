"""Buyer personas: criteria with weights. A lead is close to one by 0..1."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from django.utils.translation import gettext

from cultiva.criteria.context import Context
from cultiva.criteria.language import AllOf, Node, Reads, compile_predicate, conditions_of, parse, reads_of
from cultiva.criteria.reading import read_days, read_list, read_text
from cultiva.lib.documents import DocumentError, Mistakes, check_keys, read_value


@dataclass(frozen=True)
class Persona:
    key: str
    criteria: tuple[tuple[Node, float], ...]  # [(when, weight)]

    @classmethod
    def read(cls, document: Any, place: str = "persona") -> Self:
        """`{persona: it-director, criteria: [{when: {..}, weight: 3}, ..]}`; raises DocumentError."""
        needed = ("persona", "criteria")
        found = check_keys(document, allowed=(*needed, "name"), required=needed, place=place)
        listed = read_list(found["criteria"], f"{place}.criteria")
        mistakes = Mistakes()
        key = mistakes.of(read_text, found["persona"], f"{place}.persona")
        criteria = [mistakes.of(_read_criterion, each, f"{place}.criteria[{n}]") for n, each in enumerate(listed)]
        mistakes.tell()
        return cls(key, tuple(criteria))

    def closeness(self, context: Context) -> str:
        """SQL: Σ weight of the criteria that hold / Σ weight, rounded as it is shown: to the millionth."""
        return self.closeness_where([compile_predicate(when, context) for when, _weight in self.criteria], context)

    def closeness_where(self, holds: Sequence[str], context: Context) -> str:
        """The same of criteria that were judged before; `holds` is SQL, one a criterion, true or false."""
        weights = [f"{context.bind(weight)}::float8" for _when, weight in self.criteria]
        held = [f"CASE WHEN {each} THEN {weight} ELSE 0 END" for each, weight in zip(holds, weights, strict=True)]
        return context.dialect.shown(f"(({' + '.join(held)}) / ({' + '.join(weights)}))")

    def next_change(self, context: Context) -> str:
        """SQL, as a condition says it: when one of the criteria may change by time alone, windows aside."""
        said = [each.next_change(context) for when, _weight in self.criteria for each in conditions_of(when)]
        if any(reads_of(when).is_daily for when, _weight in self.criteria):
            said.append(context.next_midnight)
        return f"least({', '.join(filter(None, said))})" if any(said) else ""


def reads_with(node: Node, personas: Mapping[str, Persona]) -> Reads:
    """What the answer to a tree depends on, with what the personas in it depend on."""
    reads = reads_of(node)
    for fact in sorted(reads.facts):
        kind, _colon, key = fact.partition(":")
        if kind == "persona" and key in personas:
            for when, _weight in personas[key].criteria:
                reads |= reads_of(when)
    return reads


def _read_criterion(found: Any, place: str) -> tuple[Node, float]:
    given = check_keys(found, allowed=("when", "weight"), required=("when", "weight"), place=place)
    mistakes = Mistakes()
    when = mistakes.of(parse, given["when"], place=f"{place}.when")
    weight = mistakes.of(read_days, given["weight"], f"{place}.weight")
    mistakes.tell()
    if any(condition.kind == "persona" for condition in conditions_of(when)):
        raise DocumentError(
            f"{place}.when", gettext("a persona cannot ask for personas"), gettext("repeat its criteria")
        )
    return when, weight


def read_personas(text: str) -> Mapping[str, Persona]:
    """{key: persona} of a file with one, or a list of them, in order."""
    found = read_value(text, name="personas")
    personas: dict[str, Persona] = {}
    for n, each in enumerate(found if isinstance(found, list) else [found]):
        persona = Persona.read(each, f"personas[{n}]")
        if persona.key in personas:
            raise DocumentError(
                f"personas[{n}].persona",
                gettext("`%(key)s` is given twice") % {"key": persona.key},
                gettext("each has its own key"),
            )
        personas[persona.key] = persona
    return personas


class AnyPersona(Mapping[str, Persona]):
    """Stands in where a tree is read without its workspace: whether its personas exist is asked when it is saved."""

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: str) -> Persona:
        return Persona(key, ((AllOf(()), 1.0),))

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
