"""Living through the history again: the product's own steps decide scores, stages and hand-overs.

A round takes the events up to an instant and runs the steps of `flow` on the leads they touch, as of that instant.
Old rounds are days apart; the last days have one for every newcomer, who then goes through the product's own doors,
its workflow and its outbox. Mails of this time stay in the local mailbox, whatever carrier is set: the people of
the demo have no real addresses.
"""

import heapq
import itertools
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from random import Random

from cultiva.accounts.models import User
from cultiva.consent.actions import withdraw
from cultiva.demo.consents import MAIL
from cultiva.demo.doors import download_guide, fill_in_form, follow_confirmation, ticks
from cultiva.demo.hidden_process import MADRID, Act, Life
from cultiva.demo.history import RECENT, History, Newcomer, SentMail
from cultiva.demo.past import Stage, click_events, later_answers, visitors_of
from cultiva.events.actions import LedgerEvent, NewEvent, claim_new_events, record_events
from cultiva.events.batch import Batch
from cultiva.leads.actions import link_visitor, lock_leads, project, resolve, save_lead
from cultiva.leads.models import Lead, LeadState
from cultiva.lib.database import fetch_all
from cultiva.lib.plugins import plugin
from cultiva.lifecycle.actions import advance as advance_stages
from cultiva.lifecycle.actions import move_lead
from cultiva.mailing.actions import answer
from cultiva.mailing.models import Outbox
from cultiva.mailing.sending import is_due, send_batch
from cultiva.nurture.actions import advance as advance_workflows
from cultiva.sales.actions import HandOverError, accept_hand_over, hand_over, reject_hand_over
from cultiva.scoring.actions import rescore_due, score

FINE = timedelta(days=30)  # before this, rounds are COARSE_DAYS apart; after it, a day
COARSE_DAYS = 7
EVENING = 21  # Madrid time
LAST_DAY = timedelta(days=1)
RECENT_STEP, LAST_DAY_STEP = timedelta(hours=6), timedelta(hours=1)
SETTLE_EVERY = 16  # evenings after which scores that only aged are computed anew
ANALYZE_AT = (1, 4, 9, 16, 30)  # rounds before which PostgreSQL looks at how the tables have grown
ALL = 1_000_000

REJECTIONS = (
    "Ya tiene proveedor y está contento",
    "Solo quería la guía, no tiene proyecto",
    "No contesta después de tres llamadas",
    "Sin presupuesto hasta la próxima campaña",
    "Busca riego para un jardín particular",
)
LOST = ("Perdida: eligió otra marca", "Perdida: aplaza la inversión", "Perdida: no le cuadra el precio")


class Replay:
    """One pass through a history. `duties` wait for their time: what people do at doors, what sellers answer."""

    def __init__(self, stage: Stage, history: History, events: Sequence[NewEvent], seed: int) -> None:
        self.stage, self.history, self.events, self.seed = stage, history, events, seed
        self.times = [event.occurred_at for event in events]
        self.lives = dict[int, Life]()  # by lead
        self.sellers = User.objects.in_bulk()
        self.duties: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self.numbers = itertools.count()
        self.carrier = plugin("carriers", "mailbox")()
        known = dict(Lead.objects.filter(workspace_id=stage.workspace_id).values_list("email", "id"))
        for newcomer in history.newcomers:
            if newcomer.is_recent(history.at):
                RecentLead(self, newcomer).plan()
            else:
                self.lives[known[newcomer.person.email]] = newcomer.life

    def run(self, progress: Callable[[str], None]) -> None:
        done = 0
        rounds = list(round_times(self.history))
        for number, at in enumerate(rounds, start=1):
            upto = bisect_right(self.times, at)
            settle = number == len(rounds) or (number % SETTLE_EVERY == 0 and at < self.history.at - RECENT)
            if number in ANALYZE_AT:
                analyze()
            if settle or upto > done or (self.duties and self.duties[0][0] <= at):
                self.round(self.events[done:upto], at, settle=settle)
            done = upto
            if number % 40 == 0:
                progress(f"  {at.astimezone(MADRID):%Y-%m-%d}: {done} events")

    def round(self, events: Sequence[NewEvent], at: datetime, *, settle: bool) -> None:
        workspace_id = self.stage.workspace_id
        self.do_duties(at)
        new = record_events(workspace_id=workspace_id, events=events, received_at=None, queue=False)
        new += claim_new_events(workspace_id=workspace_id, limit=ALL)  # what the doors and the staff recorded
        batch = Batch(workspace_id=workspace_id, at=at, events=sorted(new, key=lambda event: event.id))
        resolve(batch)
        due = rescore_due(workspace_id=workspace_id, at=at, limit=ALL) if settle else []
        batch.lead_ids = lock_leads(workspace_id=workspace_id, lead_ids=sorted({*batch.lead_ids, *due}))
        for step in (project, score, advance_stages, hand_over):
            step(batch)
        if at > self.history.at - RECENT:
            for step in (advance_workflows, answer):
                step(batch)
            while is_due(workspace_id, at) and send_batch(workspace_id, at, self.carrier):
                pass
        for event in batch.of_kind("stage"):
            if event.name == "handed_over":
                Seller(self, event).plan(at)

    def at_time(self, at: datetime, duty: Callable[[datetime], None]) -> None:
        """Do it when the time has come; never, where that lies after the end."""
        if at <= self.history.at:
            heapq.heappush(self.duties, (at, next(self.numbers), duty))

    def do_duties(self, until: datetime) -> None:
        while self.duties and self.duties[0][0] <= until:
            at, _, duty = heapq.heappop(self.duties)
            duty(at)


def analyze() -> None:
    """Statistics for the planner; see migrations/0002_rights.py."""
    fetch_all("SELECT analyze_history()")


def round_times(history: History) -> Iterator[datetime]:
    """Instants at which the product catches up, oldest first, the end of the history last."""
    end = history.at
    newest = [newcomer.born for newcomer in history.newcomers if newcomer.is_recent(end)]
    steps = [*_every(RECENT_STEP, end - RECENT, end - LAST_DAY), *_every(LAST_DAY_STEP, end - LAST_DAY, end)]
    lonely = {at for at in steps if all(abs(at - other) > LAST_DAY_STEP / 2 for other in newest)}
    yield from sorted({*_evenings(history), *lonely, *newest, end - RECENT, end})


def _every(step: timedelta, begin: datetime, end: datetime) -> Iterator[datetime]:
    return itertools.takewhile(lambda at: at < end, (begin + step * number for number in itertools.count()))


def _evenings(history: History) -> Iterator[datetime]:
    evening = history.newcomers[0].born.astimezone(MADRID).replace(hour=EVENING, minute=0, second=0)
    while evening <= history.at - RECENT:
        yield evening.astimezone(history.at.tzinfo)
        evening += timedelta(days=1 if evening > history.at - FINE else COARSE_DAYS)


class RecentLead:
    """Somebody who came in the last days: everything they do goes through the product."""

    def __init__(self, replay: Replay, newcomer: Newcomer) -> None:
        self.replay, self.newcomer, self.stage = replay, newcomer, replay.stage
        self.lead_id = 0
        self.ip = f"203.0.113.{1 + newcomer.number % 254}"  # RFC 5737

    def plan(self) -> None:
        newcomer = self.newcomer
        self.replay.at_time(newcomer.born, self.ask)
        for at, duty in (
            (newcomer.downloaded_at, self.download),
            (newcomer.confirmed_at, self.confirm),
            (newcomer.completed_at, self.complete),
            (newcomer.withdrawn_at, self.leave),
        ):
            if at:
                self.replay.at_time(at, duty)
        for mail in newcomer.mails:
            for act in newcomer.clicks_in(mail):
                self.replay.at_time(act.at, partial(self.click, mail, act))

    def ask(self, at: datetime) -> None:
        newcomer, stage = self.newcomer, self.stage
        outcome = fill_in_form(
            workspace_id=stage.workspace_id,
            person=newcomer.person,
            wants=ticks(mail=newcomer.wants_mail, calls=newcomer.wants_calls),
            page_url=stage.texts.page_url,
            campaign=newcomer.campaign,
            ip=self.ip,
            at=at,
        )
        self.lead_id = outcome.lead_id or 0
        self.replay.lives[self.lead_id] = newcomer.life
        for visitor in visitors_of(stage, newcomer):
            link_visitor(workspace_id=stage.workspace_id, visitor=visitor, lead_id=self.lead_id, at=at)

    def download(self, at: datetime) -> None:
        download_guide(workspace_id=self.stage.workspace_id, lead_id=self.lead_id, at=at)

    def confirm(self, at: datetime) -> None:
        follow_confirmation(workspace_id=self.stage.workspace_id, lead_id=self.lead_id, ip=self.ip, at=at)

    def complete(self, at: datetime) -> None:
        person = self.newcomer.person
        save_lead(
            workspace_id=self.stage.workspace_id, email=person.email, attributes=later_answers(person),
            language=person.language, source_kind="manual", at=at,
        )  # fmt: skip

    def leave(self, at: datetime) -> None:
        withdraw(workspace_id=self.stage.workspace_id, lead_id=self.lead_id, purpose=MAIL, channel="email", at=at)

    def click(self, mail: SentMail, act: Act, at: datetime) -> None:
        """In a mail that really came."""
        sent = Outbox.objects.filter(
            workspace_id=self.stage.workspace_id, lead_id=self.lead_id, template__key=mail.template,
            accepted_at__lt=at,
        )  # fmt: skip
        if found := sent.order_by("id").first():
            events = list(click_events(self.stage, self.newcomer, mail, act, self.lead_id, found.id))
            record_events(workspace_id=self.stage.workspace_id, events=events, received_at=at)


class Seller:
    """What a seller makes of one hand-over. They see more than any rule: they talk to people."""

    def __init__(self, replay: Replay, given: LedgerEvent) -> None:
        self.replay, self.given = replay, given
        self.workspace_id = replay.stage.workspace_id
        self.lead_id = given.lead_id or 0
        self.life = replay.lives[self.lead_id]
        self.user = replay.sellers[given.properties["owner"]]
        self.random = Random(f"{replay.seed}/seller/{self.life.person.email}/{given.properties['due_at'][:10]}")

    def plan(self, at: datetime) -> None:
        """They answer within hours, the slower the fresher: some of the last two days still wait."""
        hours = min(self.random.lognormvariate(1.0, 0.8), 30)
        if at > self.replay.history.at - timedelta(days=2) and self.random.random() < 0.55:
            hours += 48
        is_wanted = self._will_buy(at) or self.random.random() < 1 / (1 + math.exp(-1.4 - self.life.fit))
        self.replay.at_time(at + timedelta(hours=hours), self.accept if is_wanted else self.reject)

    def accept(self, at: datetime) -> None:
        try:
            accept_hand_over(
                workspace_id=self.workspace_id, hand_over_id=self.given.properties["hand_over"], by=self.user, at=at
            )
        except HandOverError:  # the lead has bought, or moved on, meanwhile
            return
        if self.life.wants_to_buy_at(at) or self.random.random() < 0.2:
            self.replay.at_time(at + timedelta(days=self.random.uniform(0.5, 4)), self.open_deal)

    def reject(self, at: datetime) -> None:
        try:
            reject_hand_over(
                workspace_id=self.workspace_id, hand_over_id=self.given.properties["hand_over"], by=self.user,
                reason=self.random.choice(REJECTIONS), at=at,
            )  # fmt: skip
        except HandOverError:
            return

    def open_deal(self, at: datetime) -> None:
        if self._stage() == "sales_qualified":
            self._move("opportunity", "", at)
            self.replay.at_time(at + timedelta(days=self.random.uniform(18, 45)), self.close_deal)

    def close_deal(self, at: datetime) -> None:
        """A purchase closes it by itself; who still thinks about it by now has lost interest."""
        if self._stage() == "opportunity":
            self._move("marketing_qualified", self.random.choice(LOST), at)

    def _will_buy(self, at: datetime) -> bool:
        bought_at = self.life.bought_at
        return self.life.wants_to_buy_at(at) or (bought_at is not None and bought_at > at)

    def _stage(self) -> str:
        return LeadState.objects.get(workspace_id=self.workspace_id, lead_id=self.lead_id).stage

    def _move(self, stage: str, reason: str, at: datetime) -> None:
        move_lead(
            workspace_id=self.workspace_id, lead_id=self.lead_id, to_stage=stage, by=self.user, reason=reason, at=at
        )
