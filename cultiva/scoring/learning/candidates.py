"""Candidates: conditions of the language, each a rule of one point, to be asked as of past dates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from cultiva.criteria.conditions.tag import TAGS
from cultiva.criteria.context import ANY
from cultiva.criteria.personas import Persona
from cultiva.scoring.learning.vocabulary import AttributeSeen, EventSeen, Vocabulary
from cultiva.scoring.model import PARTS_LIMIT, ScoringModel

FIT, INTEREST = "fit", "interest"
WINDOWS = (7, 30, 90)  # days
TIMES = ((3, 30), (10, 90))  # at least so often in so many days
SILENCES = (14, 30, 60)  # days without any act
DAYS_OF_DATE = (30, 90, 365)
CLOSENESS = (0.4, 0.6, 0.8)
OFTEN_KNOWN = (0.02, 0.98)  # shares between which it tells something that a value is known
MOST = PARTS_LIMIT // 2  # a rule and its one condition are two parts

Json = dict[str, Any]


@dataclass(frozen=True)
class Candidate:
    """`rule`: as in a model, of 1 point. `source`: the attribute, event or persona that it asks about."""

    rule: Json
    source: str
    sign: int = 0  # 1: an act, which may only add points where that is asked for; -1: silence; 0: either

    @property
    def dimension(self) -> str:
        return str(self.rule["dimension"])


def make_candidates(vocabulary: Vocabulary, personas: Mapping[str, Persona]) -> list[Candidate]:
    """At most MOST, taken in turn from each source, so that none crowds the others out."""
    sources: list[Iterator[Candidate]] = [
        *(_of_attribute(each) for each in vocabulary.attributes),
        *(_of_event(each) for each in vocabulary.events),
        *(_of_persona(key) for key in personas),
    ]
    if vocabulary.events:
        sources.append(_of_silence())
    in_turn = chain.from_iterable(zip_longest(*sources))
    found = [each for each in in_turn if each is not None][:MOST]
    return [_numbered(each, number) for number, each in enumerate(found)]


def model_of(candidates: list[Candidate], *, goal: str, timezone: str) -> ScoringModel:
    """All of them as one model: who meets a candidate has its point."""
    return ScoringModel.read(
        {
            "model": "candidates",
            "goal": goal,
            "timezone": timezone,
            "dimensions": {FIT: {}, INTEREST: {}},
            "rules": [each.rule for each in candidates],
        }
    )


def _numbered(candidate: Candidate, number: int) -> Candidate:
    return Candidate({"key": f"r{number}", **candidate.rule}, candidate.source, candidate.sign)


def _fit(when: Json, source: str) -> Candidate:
    return Candidate({"dimension": FIT, "when": when, "points": 1}, source)


def _of_attribute(seen: AttributeSeen) -> Iterator[Candidate]:
    name = {"attribute": seen.name}
    for value in seen.values:
        yield _fit({"tag": value} if seen.name == TAGS else {**name, "is": value}, seen.name)
    for limit in seen.quantiles:
        yield _fit({**name, "gte": int(limit) if limit == int(limit) else limit}, seen.name)
    if seen.kind == "date":
        for days in DAYS_OF_DATE:
            yield _fit({**name, "within_last_days": days}, seen.name)
    if OFTEN_KNOWN[0] <= seen.known <= OFTEN_KNOWN[1]:
        yield _fit({**name, "is_not_empty": True}, seen.name)


def _of_event(seen: EventSeen) -> Iterator[Candidate]:
    when = {"event": seen.name}
    values = [(path, value) for path, listed in seen.properties.items() for value in listed]
    for days in WINDOWS:
        yield _act(when, days, seen.name)
    for times, days in TIMES:
        yield _act({**when, "times": {"at_least": times}}, days, seen.name)
    for path, value in values:
        yield _act({**when, "where": [{"property": path, "is": value}]}, 30, seen.name)


def _act(when: Json, days: int, source: str) -> Candidate:
    rule = {"dimension": INTEREST, "when": when, "window_days": days, "count": "once", "points": 1}
    return Candidate(rule, source, sign=1)


def _of_silence() -> Iterator[Candidate]:
    for days in SILENCES:
        when = {"event": ANY, "times": {"at_most": 0}}
        yield Candidate({"dimension": INTEREST, "when": when, "window_days": days, "points": 1}, ANY, sign=-1)


def _of_persona(key: str) -> Iterator[Candidate]:
    for limit in CLOSENESS:
        yield _fit({"persona": key, "gte": limit}, f"persona {key}")
