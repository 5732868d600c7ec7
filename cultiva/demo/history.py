"""Six months of a company's leads, as facts without ids: who came when, what they agreed to, what they were sent.

Everything follows from the seed and the instant at which it ends.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from cultiva.demo.hidden_process import MADRID, PAGES, Act, Life, live, office_hour
from cultiva.demo.people import Person, make_people

DAYS = 180
# Who came this recently goes through the product's own doors; who came before is written as a set.
RECENT = timedelta(days=3)
FAIR_DAYS_AGO, WEBINAR_DAYS_AGO = 103, 46  # an agricultural fair and a webinar: two crowded days
JUST_NOW_MINUTES = (2, 11, 26, 48, 95, 160)  # the latest leads, whatever the hour
NEWSLETTER_EVERY = timedelta(days=42)
WAIT = timedelta(days=3)  # of the workflow `bienvenida`

WELCOME_1, WELCOME_2, NEWSLETTER = "bienvenida-1", "bienvenida-2", "boletin"

CAMPAIGNS: tuple[tuple[int, Mapping[str, str]], ...] = (
    (30, {}),  # came by themselves
    (28, {"source": "google", "medium": "cpc", "name": "guia-riego"}),
    (16, {"source": "google", "medium": "organic"}),
    (12, {"source": "linkedin", "medium": "paid-social", "name": "invernaderos-2026"}),
    (8, {"source": "instagram", "medium": "social", "name": "consejos-riego"}),
    (6, {"source": "revista-riego.example", "medium": "referral"}),
)


@dataclass(frozen=True)
class SentMail:
    template: str
    at: datetime


@dataclass(frozen=True)
class Visit:
    """Pages that a visitor looked at, one after the other. `visitor` is the browser's own name for itself."""

    visitor: str
    at: datetime
    paths: tuple[str, ...]
    campaign: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Newcomer:
    """One lead: their life, and what passed between them and the company. A time is None where it never came."""

    number: int
    life: Life
    source_kind: str  # form | import | manual
    campaign: Mapping[str, str]
    is_valid: bool  # accepted the data-protection policy
    wants_mail: bool
    wants_calls: bool
    downloaded_at: datetime | None
    completed_at: datetime | None  # when sector, province and hectares became known
    confirmed_at: datetime | None
    withdrawn_at: datetime | None
    objected_at: datetime | None
    mails: tuple[SentMail, ...]
    first_visits: tuple[Visit, ...]  # before they told who they are

    @property
    def person(self) -> Person:
        return self.life.person

    @property
    def born(self) -> datetime:
        return self.life.born

    @property
    def visitor(self) -> str:
        return f"navegador-{self.number}"

    def clicks_in(self, mail: SentMail) -> list[Act]:
        number = self.mails.index(mail)
        return [act for act in self.life.acts if act.verb == "click" and act.detail == (number,)]

    def is_recent(self, at: datetime) -> bool:
        return self.source_kind == "form" and self.born > at - RECENT


@dataclass(frozen=True)
class History:
    at: datetime
    newcomers: list[Newcomer]  # oldest first
    crowd: list[Visit]  # of visitors who never told who they are


def imagine(*, at: datetime, seed: int, leads: int) -> History:
    """The same seed and instant give the same history."""
    random = Random(f"{seed}/company")
    people = make_people(leads, random)
    births = _arrivals(leads, at, random)
    newcomers = [
        _imagine_newcomer(number, person, born, at, Random(f"{seed}/lead/{number}"))
        for number, (person, born) in enumerate(zip(people, births, strict=True), start=1)
    ]
    return History(at, newcomers, _imagine_crowd(int(leads * 0.5), at, random))


def _arrivals(count: int, at: datetime, random: Random) -> list[datetime]:
    """More each month, fewer at weekends, two crowded days, and some within the last hours."""
    just_now = [at.replace(microsecond=0) - timedelta(minutes=minutes) for minutes in JUST_NOW_MINUTES]
    weights = [_weight_of_day(at, days_ago) for days_ago in range(DAYS)]
    births: list[datetime] = []
    while len(births) < count - len(just_now):
        days_ago = random.choices(range(DAYS), weights)[0]
        born = office_hour(at - timedelta(days=days_ago), random)
        if at - timedelta(days=DAYS) < born < at - timedelta(minutes=10):
            births.append(born)
    return sorted(births + just_now)[-count:]


def _weight_of_day(at: datetime, days_ago: int) -> float:
    growth = 1.5 - days_ago / DAYS
    crowded = {FAIR_DAYS_AGO: 6.0, FAIR_DAYS_AGO - 1: 5.0, WEBINAR_DAYS_AGO: 5.0}.get(days_ago, 1.0)
    is_weekend = (at - timedelta(days=days_ago)).astimezone(MADRID).weekday() >= 5
    return growth * crowded * (0.4 if is_weekend and crowded == 1 else 1)


def _imagine_newcomer(number: int, person: Person, born: datetime, at: datetime, random: Random) -> Newcomer:
    source_kind = _source_kind(born, at, random)
    is_form = source_kind == "form"
    is_valid = is_form or random.random() < 0.75
    wants_mail = is_valid and random.random() < 0.66
    confirmed_at = _confirms(born, random) if wants_mail and random.random() < 0.82 else None
    withdrawn_at = born + timedelta(days=random.uniform(8, 150)) if confirmed_at and random.random() < 0.08 else None
    mails = _mails(born, is_form, confirmed_at, withdrawn_at, at)
    life = live(person, born=born, until=at, mails=[mail.at for mail in mails], random=random)
    return Newcomer(
        number=number,
        life=life,
        source_kind=source_kind,
        campaign=random.choices([c for _, c in CAMPAIGNS], [w for w, _ in CAMPAIGNS])[0] if is_form else {},
        is_valid=is_valid,
        wants_mail=wants_mail,
        wants_calls=is_valid and random.random() < 0.22,
        downloaded_at=_past(_downloads(born, random), at) if is_form else None,
        completed_at=_past(born + timedelta(hours=random.uniform(2, 30)), at) if random.random() < 0.6 else None,
        confirmed_at=_past(confirmed_at, at),
        withdrawn_at=_past(withdrawn_at, at),
        objected_at=_past(born + timedelta(days=random.uniform(1, 60)), at) if random.random() < 0.008 else None,
        mails=_without_needless(mails, life),
        first_visits=_first_visits(number, life, random) if is_form else (),
    )


def _source_kind(born: datetime, at: datetime, random: Random) -> str:
    """Visitors of the stand were typed in; some leads rang up."""
    was_at_fair = (at - born) // timedelta(days=1) in (FAIR_DAYS_AGO - 1, FAIR_DAYS_AGO)
    if was_at_fair and random.random() < 0.8:
        return "import"
    is_recent = born > at - RECENT
    return "manual" if random.random() < 0.03 and not is_recent else "form"


def _confirms(born: datetime, random: Random) -> datetime:
    """Most at once, some when they next read their mail."""
    return (born + timedelta(minutes=min(random.lognormvariate(1.8, 1.5), 4000))).replace(microsecond=0)


def _downloads(born: datetime, random: Random) -> datetime | None:
    if random.random() > 0.84:
        return None
    return (born + timedelta(seconds=40 + min(random.lognormvariate(4.5, 2.0), 200_000))).replace(microsecond=0)


def _past(moment: datetime | None, at: datetime) -> datetime | None:
    return moment.replace(microsecond=0) if moment and moment <= at else None


def _mails(
    born: datetime, is_form: bool, confirmed_at: datetime | None, withdrawn_at: datetime | None, at: datetime
) -> tuple[SentMail, ...]:
    if confirmed_at is None:
        return ()
    last = min(at, withdrawn_at or at)
    # The first waits for the confirmation of the address, the second for its three days as well.
    welcome = [
        SentMail(WELCOME_1, confirmed_at),
        SentMail(WELCOME_2, max(born + WAIT, confirmed_at + timedelta(seconds=1))),
    ]
    newsletters = [SentMail(NEWSLETTER, sent) for sent in newsletter_times(at) if sent > confirmed_at]
    return tuple(mail for mail in [*(welcome if is_form else []), *newsletters] if mail.at <= last)


def newsletter_times(at: datetime) -> list[datetime]:
    """Tuesdays at nine in Madrid, every six weeks; the last one went out yesterday, so that sales have work today."""
    last = at.replace(second=0, microsecond=0) - timedelta(hours=20)
    count = math.ceil(timedelta(days=DAYS) / NEWSLETTER_EVERY)
    return sorted([last, *(_tuesday_at_nine(last - n * NEWSLETTER_EVERY) for n in range(1, count))])


def _tuesday_at_nine(day: datetime) -> datetime:
    local = day.astimezone(MADRID)
    tuesday = local - timedelta(days=(local.weekday() - 1) % 7)
    return tuesday.replace(hour=9, minute=0).astimezone(day.tzinfo)


def _without_needless(mails: Sequence[SentMail], life: Life) -> tuple[SentMail, ...]:
    """The second welcome goes only to those who have not looked at prices (workflow `bienvenida`)."""
    sent = {mail.template: mail.at for mail in mails}
    if WELCOME_2 not in sent or not saw_prices(life, life.born, life.born + WAIT):
        return tuple(mails)
    dropped = next(number for number, mail in enumerate(mails) if mail.template == WELCOME_2)
    life.acts = [_renumbered(act, dropped) for act in life.acts if act.verb != "click" or act.detail[0] != dropped]
    return tuple(mail for mail in mails if mail.template != WELCOME_2)


def _renumbered(act: Act, dropped: int) -> Act:
    number = act.detail[0] if act.verb == "click" else -1
    return Act(act.at, act.verb, (number - 1,)) if isinstance(number, int) and number > dropped else act


def saw_prices(life: Life, after: datetime, until: datetime) -> bool:
    """On the site, by themselves or through the first mail, whose link leads to the prices."""
    return life.leaves_traces and any(_leads_to_prices(act) for act in life.acts if after < act.at <= until)


def _leads_to_prices(act: Act) -> bool:
    if act.verb == "visit":
        return any(str(path).startswith("/precios") for path in act.detail)
    return act.verb == "click" and act.detail == (0,)


def _first_visits(number: int, life: Life, random: Random) -> tuple[Visit, ...]:
    """What a visitor who accepted tracking looked at before the form; the form itself is not on the site."""
    if not life.leaves_traces:
        return ()
    just_before = Visit(f"navegador-{number}", life.born - timedelta(minutes=random.randint(3, 9)), ("/guia",))
    if random.random() > 0.25:
        return (just_before,)
    earlier = office_hour(life.born - timedelta(days=random.uniform(1, 12)), random)
    if earlier > life.born - timedelta(hours=1):
        return (just_before,)
    return (Visit(f"navegador-{number}", earlier, ("/", random.choice(PAGES["learn"]))), just_before)


def _imagine_crowd(count: int, at: datetime, random: Random) -> list[Visit]:
    """Visitors who look around and go; a few are here now."""
    crowd = []
    for number in range(count):
        moment = office_hour(at - timedelta(days=DAYS * random.random() ** 1.2), random)
        if number < 8:
            moment = at.replace(microsecond=0) - timedelta(minutes=1 + 4 * number)
        sort = random.choices(("learn", "compare", "buy"), (6, 2, 1))[0]
        paths = tuple(dict.fromkeys(random.choices(PAGES[sort], k=random.choice((1, 2, 2, 3)))))
        if random.random() < 0.04:
            paths = ("/", "/empleo")
        campaign = random.choices([c for _, c in CAMPAIGNS], [w for w, _ in CAMPAIGNS])[0]
        if at - timedelta(days=DAYS) < moment <= at:
            crowd.append(Visit(f"paseante-{number}", moment, paths, campaign))
    return sorted(crowd, key=lambda visit: visit.at)
