"""Temperature with hysteresis: a band, once reached, is left only below its limit by that much.

A score between the two says nothing by itself: what counts is on which side of them it was last. That is looked for
backwards along the instants at which the score may have changed (events, ends of windows, midnights, new versions of
the model), so that it does not matter when, or how often, a lead was scored: one who is scored late, or anew from the
ledger, has the temperature of one who was scored at each of those instants.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cultiva.criteria.conditions.event import ACTS, ANY, EventHappened, interval_words
from cultiva.criteria.conditions.persona import PersonaIsClose
from cultiva.criteria.language import Node, conditions_of
from cultiva.criteria.personas import Persona, reads_with
from cultiva.lib.database import fetch_all, load_sql
from cultiva.scoring.along import scores_along, standings_along
from cultiva.scoring.model import ScoringModel, Temperature
from cultiva.scoring.models import ModelVersion
from cultiva.segments.standing import personas_of

Json = dict[str, Any]

FIRST_LOOK, FURTHER, LONGEST_LOOK = 4, 4, 64  # instants of a lead: most had left a band a few instants before
MOMENT = timedelta(microseconds=1)


@dataclass
class Stood:
    """A temperature that was worked out before.

    `ahead`, ascending: the instants since then at which the score may have changed, but for those that time alone
    brings after the first. None where a new version came between.
    """

    at: datetime
    temperature: str | None
    ahead: list[datetime] | None = None


@dataclass
class Question:
    """Whether a lead is hot still, and warm still; None as long as it is not known.

    What is known as of `stood` need not be looked for; what was before `before` is not heard yet.
    """

    lead_id: int
    before: datetime
    stood: Stood | None = None
    is_hot: bool | None = None
    is_warm: bool | None = None

    @property
    def is_open(self) -> bool:
        return self.is_hot is None or self.is_warm is None

    def hear(self, limits: Temperature | None, total: float | None) -> None:
        """What an instant says, the latest first; without a score, or temperatures, nothing was warm."""
        says_hot, says_warm = (
            (_says(limits.hot, limits, total), _says(limits.warm, limits, total)) if limits else (False, False)
        )
        self.is_hot = says_hot if self.is_hot is None else self.is_hot
        self.is_warm = says_warm if self.is_warm is None else self.is_warm

    def go_on(self, limits: Temperature, total: float | None) -> None:
        """How it stood after the next instant."""
        assert self.stood
        was = Question(self.lead_id, self.before, self.stood)
        was.hear(limits, total)
        was.settle()
        self.stood.temperature = was.temperature

    def settle(self) -> None:
        """Nothing further back: as it stood, or cold before anything."""
        was = self.stood.temperature if self.stood else None
        self.is_hot = was == "hot" if self.is_hot is None else self.is_hot
        self.is_warm = was in ("warm", "hot") if self.is_warm is None else self.is_warm

    @property
    def temperature(self) -> str:
        return "hot" if self.is_hot else "warm" if self.is_warm else "cold"


def _says(limit: float, limits: Temperature, total: float | None) -> bool | None:
    if total is None or total < limit - limits.hysteresis:
        return False
    return True if total >= limit else None


def temperature_as_of(
    version: ModelVersion, model: ScoringModel, *, lead_id: int, total: float, at: datetime
) -> str | None:
    """How warm a lead was with a shown total. Before the version was in force nothing stood: its limits alone say."""
    limits = model.temperature
    if limits is None:
        return None
    asked = Question(lead_id, at)
    asked.hear(limits, total)
    if at < version.published_at:
        asked.settle()
    answer(version, [asked])
    return asked.temperature


def answer(version: ModelVersion, questions: Sequence[Question]) -> None:
    """Settle the open questions, all as of a time at which `version` was in force."""
    _follow(version, [each for each in questions if each.is_open and each.stood and each.stood.ahead is not None])
    _look_back(version, [each for each in questions if each.is_open])


def _follow(version: ModelVersion, questions: Sequence[Question]) -> None:
    """From how it stood, by what is known to be ahead. Where time alone brings more, it is looked for backwards."""
    if not questions:
        return
    limits = ScoringModel.read(version.body).temperature
    assert limits
    moments = [(each.lead_id, at) for each in questions if each.stood for at in each.stood.ahead or ()]
    found = standings_along(version, moments) if moments else {}
    for question in questions:
        assert question.stood
        known = question.stood.ahead or []
        rows = [found.get((question.lead_id, at)) for at in known]
        due = {row["next_change_at"] for row in rows if row and row["next_change_at"]}
        if any(at < question.before for at in due.difference(known)):
            continue
        for row in rows:
            question.go_on(limits, row["total"] if row else None)
        question.settle()


def _look_back(version: ModelVersion, waiting: Sequence[Question]) -> None:
    if not waiting:
        return
    reigns, look = _reigns_until(version), FIRST_LOOK
    while waiting:
        found = _walk_back(reigns, waiting, look)
        totals = _totals(reigns, found)
        for question in waiting:
            instants = found.get(question.lead_id, [])
            for at in instants:
                limits = _in_force(reigns, at).model.temperature
                question.hear(limits, totals.get((question.lead_id, at)))
            if len(instants) < look:
                question.settle()
            else:
                question.before = instants[-1]
        waiting = [each for each in waiting if each.is_open]
        look = min(look * FURTHER, LONGEST_LOOK)


@dataclass(frozen=True)
class Reign:
    """A version of the model, in force since its publication."""

    version: ModelVersion
    model: ScoringModel


def _reigns_until(version: ModelVersion) -> list[Reign]:
    """Oldest first."""
    versions = ModelVersion.objects.filter(
        workspace_id=version.workspace_id, key=version.key, version__lte=version.version
    )
    found = versions.select_related("workspace").order_by("version")
    return [Reign(each, ScoringModel.read(each.body)) for each in found]


def _in_force(reigns: Sequence[Reign], at: datetime) -> Reign:
    return next((each for each in reversed(reigns) if each.version.published_at <= at), reigns[0])


def _walk_back(reigns: Sequence[Reign], waiting: Sequence[Question], look: int) -> dict[int, list[datetime]]:
    """{lead: the instants before, latest first}, of those that have some."""
    begin = reigns[0].version.published_at - MOMENT  # before that no temperature stood
    since = {each.lead_id: each.stood.at if each.stood else begin for each in waiting}
    first = _in_force(reigns, min(since.values()))
    watched = _watched(reigns[reigns.index(first) :])
    rows = fetch_all(
        load_sql("scoring", "walk_back"),
        {
            **watched,
            "workspace": reigns[-1].version.workspace_id,
            "asked": json.dumps([
                {"lead_id": each.lead_id, "since": since[each.lead_id].isoformat(), "before": each.before.isoformat()}
                for each in waiting
            ]),
            "publications": [each.version.published_at for each in reigns],
            "limit": look,
        },
    )  # fmt: skip
    found: dict[int, list[datetime]] = {}
    for row in rows:
        found.setdefault(row["lead_id"], []).append(row["at"])
    return found


def _watched(reigns: Sequence[Reign]) -> Json:
    """What may change a score under one of the versions: names of events, lengths of windows, whether days do."""
    names, days, zones = set[str](), {0.0}, set[str]()
    personas = personas_of(reigns[-1].version.workspace_id)
    for reign in reigns:
        for rule in reign.model.rules:
            reads = reads_with(rule.when, personas)
            names |= reads.events
            if reads.is_daily or (rule.ageing and rule.ageing.kind != "expires"):
                zones.add(reign.model.timezone or reign.version.workspace.time_zone)
            days |= {each for each in (rule.window_days, rule.ageing and rule.ageing.days) if each}
            days |= set(_windows(rule.when, personas))
    return {
        "names": sorted(names),
        "acts": list(ACTS) if ANY in names else [],
        "offsets": [interval_words(each) for each in sorted(days)],
        "longest": interval_words(max(days)),
        "zones": sorted(zones),
    }


def _windows(when: Node, personas: Mapping[str, Persona]) -> list[float]:
    conditions = list(conditions_of(when))
    asked = {each.persona for each in conditions if isinstance(each, PersonaIsClose)}
    for key in asked & set(personas):
        conditions += [each for node, _weight in personas[key].criteria for each in conditions_of(node)]
    return [each.within_days for each in conditions if isinstance(each, EventHappened) and each.within_days]


def _totals(reigns: Sequence[Reign], found: Mapping[int, Sequence[datetime]]) -> dict[tuple[int, datetime], float]:
    asked: dict[int, dict[int, list[datetime]]] = {}
    for lead_id, instants in found.items():
        for at in instants:
            asked.setdefault(_in_force(reigns, at).version.version, {}).setdefault(lead_id, []).append(at)
    totals: dict[tuple[int, datetime], float] = {}
    for reign in reigns:
        if of_it := asked.get(reign.version.version):
            totals |= scores_along(reign.version, of_it)
    return totals
