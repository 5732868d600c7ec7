"""What is learned from: one lead as of one past date is a case, and converts where the goal comes within the horizon.

The first dates train, the last validate, and between them lies the horizon: no case that trains reads what came after
the first date that validates. Which dates a lead is asked at is drawn without looking at what came of it.
"""

# ruff: noqa: S608 (statements are made of our own fragments; values are bound)

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext

from cultiva.criteria.files import Connection, insert_rows
from cultiva.lib.refusals import Refusal
from cultiva.scoring.bulk import BulkModel
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.rehearsal.history import prepare_subjects
from cultiva.scoring.rehearsal.metrics import check_both_classes
from cultiva.scoring.rehearsal.plan import Plan

VALIDATING = 0.3  # of the dates, the last ones
MOST_CASES = 240_000  # of both parts together: cases × candidates are held in memory, a byte each
LEAST_LEADS = 40  # who convert, and who do not, among those who train

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
Holds = npt.NDArray[np.uint8]


class TooLittle(Refusal):
    """There is not enough to learn from."""


@dataclass(frozen=True)
class Split:
    """Places of plan.dates."""

    training: range
    validating: range


@dataclass(frozen=True)
class Cases:
    """One place is one lead on one date. `leads`: places of `lead_ids`; `dates`: places of plan.dates."""

    lead_ids: Sequence[Any]  # all that are known, texts of files, numbers of a workspace
    leads: Integers
    dates: Integers
    converted: Booleans

    def where(self, chosen: Booleans) -> "Cases":
        return Cases(self.lead_ids, self.leads[chosen], self.dates[chosen], self.converted[chosen])

    def on(self, dates: range) -> Booleans:
        """Which cases are of these dates."""
        return (self.dates >= dates.start) & (self.dates < dates.stop)


@dataclass(frozen=True)
class Opened:
    """Tables of criteria.bulk. `people`: as read_history takes it; `stand_at` makes `lead` what it was at a date.

    Without `stand_at` it is the same at every date.
    """

    connection: Connection
    people: str
    stand_at: Callable[[datetime], object] | None = None


class Past(Protocol):
    """Where leads and events are read from: files, or a workspace."""

    def open(self, model: ScoringModel, compiled: BulkModel, plan: Plan) -> AbstractContextManager[Opened]:
        """The tables with all that the model asks for."""
        ...

    def compile(self, model: ScoringModel, plan: Plan) -> BulkModel: ...


def split_of(plan: Plan) -> Split:
    """Raises Refusal where the period is too short for the horizon."""
    validating = max(1, round(VALIDATING * len(plan.dates)))
    first = len(plan.dates) - validating
    training = sum(each + plan.horizon <= plan.dates[first] for each in plan.dates[:first])
    if not training:
        raise TooLittle(
            gettext("%(weeks)s weekly dates leave none to train on: %(days)s days are waited for before the validation")
            % {"weeks": len(plan.dates), "days": plan.horizon.days},
            gettext("choose a longer period or a shorter horizon"),
        )
    return Split(range(training), range(first, len(plan.dates)))


def draw_cases(opened: Opened, plan: Plan, split: Split, *, seed: int) -> Cases:
    """So many dates of each lead as MOST_CASES allows, of those on which it was there and had not converted."""
    rows = opened.connection.execute(
        "SELECT epoch(created_at), epoch(converted_at), lead_id FROM subject ORDER BY n"
    ).fetchall()
    created = np.array([-np.inf if row[0] is None else row[0] for row in rows], dtype=np.float64)
    converted_at = np.array([np.inf if row[1] is None else row[1] for row in rows], dtype=np.float64)
    starts = np.array([each.timestamp() for each in plan.dates])
    there = (created[:, None] <= starts) & (converted_at[:, None] > starts)
    random = np.random.default_rng(seed)
    chosen = np.zeros_like(there)
    for dates in (split.training, split.validating):
        part = there[:, dates.start : dates.stop]
        each = max(1, MOST_CASES // 2 // max(1, len(rows)))
        order = np.where(part, random.random(part.shape, dtype=np.float32), np.inf).argsort(axis=1).argsort(axis=1)
        chosen[:, dates.start : dates.stop] = part & (order < each)
    leads, places = np.nonzero(chosen)
    within = converted_at[leads] <= starts[places] + plan.horizon.total_seconds()
    return Cases([row[2] for row in rows], leads.astype(np.int64), places.astype(np.int64), within)


def check_enough(cases: Cases, split: Split) -> None:
    """Raises OneClassOnly, or TooLittle below 40 leads who convert or 40 who do not."""
    training, validating = cases.where(cases.on(split.training)), cases.where(cases.on(split.validating))
    check_both_classes(training.converted)
    hits = len(np.unique(training.leads[training.converted]))
    others = len(np.setdiff1d(training.leads, training.leads[training.converted]))
    if hits < LEAST_LEADS or others < LEAST_LEADS:
        raise TooLittle(
            gettext("%(hits)s leads convert in the training period and %(others)s do not")
            % {"hits": hits, "others": others},
            gettext("at least %(least)s of each are needed: choose a longer period, or wait") % {"least": LEAST_LEADS},
        )
    check_both_classes(validating.converted)


def ask(
    past: Past,
    model: ScoringModel,
    plan: Plan,
    choose: Callable[[Opened], Cases],
    *,
    tell: Callable[[int, int], object] = lambda _done, _all: None,
) -> tuple[Cases, Holds, Floats]:
    """(the cases that could be asked, which rules give points: cases × rules, totals as shown)

    `choose` is called once the table `subject` is there. A case whose lead may not be profiled at its date is dropped.
    """
    compiled = past.compile(model, plan)
    with past.open(model, compiled, plan) as opened:
        connection = opened.connection
        prepare_subjects(connection, plan, opened.people)
        cases = choose(opened)
        holds = np.zeros((len(cases.leads), len(model.rules)), dtype=np.uint8)
        totals = np.full(len(cases.leads), np.nan)
        connection.execute("ALTER TABLE event RENAME TO whole_event")
        if not opened.stand_at:
            connection.execute("ALTER TABLE lead RENAME TO whole_lead")
        listed = ", ".join(f"(t.points_{n} <> 0)::UTINYINT AS h{n}" for n in range(len(model.rules)))
        dates = np.unique(cases.dates)
        for done, place in enumerate(dates, start=1):
            at, here = plan.dates[place], np.flatnonzero(cases.dates == place)
            if opened.stand_at:
                opened.stand_at(at)
            _narrow(connection, cases.leads[here], is_fixed=not opened.stand_at)
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE totalled AS {compiled.parts.sql}", compiled.parts.bound(at)
            )
            found = connection.execute(
                f"SELECT s.n, x.total, {listed} FROM totalled t JOIN subject s USING (lead_id)"
                f" JOIN ({compiled.of_parts.sql}) x USING (lead_id)",
                compiled.of_parts.bound(at),
            ).fetchnumpy()
            rows = here[np.searchsorted(cases.leads[here], found["n"])]
            totals[rows] = found["total"]
            for n in range(len(model.rules)):
                holds[rows, n] = found[f"h{n}"]
            tell(done, len(dates))
    answered = ~np.isnan(totals)
    return cases.where(answered), holds[answered], totals[answered]


def _narrow(connection: Connection, leads: Integers, *, is_fixed: bool) -> None:
    """Tables `lead` and `event` hold those alone who are asked about: the others cost time."""
    connection.execute("CREATE OR REPLACE TEMP TABLE asked (n BIGINT)")
    insert_rows(connection, "asked", [(n,) for n in leads.tolist()])
    of_them = "SEMI JOIN (SELECT lead_id FROM subject JOIN asked USING (n)) a ON a.lead_id = w.lead_id"
    if is_fixed:
        connection.execute(f"CREATE OR REPLACE TABLE lead AS SELECT w.* FROM whole_lead w {of_them}")
    else:
        connection.execute("DELETE FROM lead WHERE lead_id NOT IN (SELECT lead_id FROM subject JOIN asked USING (n))")
    connection.execute(f"CREATE OR REPLACE TABLE event AS SELECT w.* FROM whole_event w {of_them}")
