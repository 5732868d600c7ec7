"""How the people of the demo make up their minds. The whole truth is in this file, and no shipped model copies it.

Each person carries what no rule can read:
- `fit`, how well the company's products suit them: size, sector and role, plus a part that nothing observable tells;
- `interest`, which returns week by week to a level of their own, higher at first, and jumps with what they see;
- `zeal`, how much they browse whatever they want: students and competitors make models think of interest;
- `leaves_traces`, whether they accepted the site's tracking: the rest visit unseen.

A purchase comes out of a *project* (a new greenhouse, a dead pump): rare, likelier with fit and interest, one to
three weeks long. While it lasts they read, compare prices and often ask for a quote; at its end they buy or do not.
Some customers come back for service. Everything else is noise.

What comes out of it with seed 7 and 2,000 people stands in docs/guides/demo.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from cultiva.demo.people import Person

MADRID = ZoneInfo("Europe/Madrid")
WEEK = timedelta(days=7)

# What suits whom, in standard deviations of fit. Rules see the size, the role and the sector, never these numbers.
SIZE = {"1-9": -0.8, "10-49": 0.15, "50-249": 0.9, "250-999": 0.5, "1000+": -0.2}
ROLE = {
    "director": 0.6, "gerente": 0.65, "propietario": 0.45, "responsable técnico": 0.2, "compras": 0.0,
    "técnico de campo": -0.3, "otro": -0.7, "estudiante": -3.0,
}  # fmt: skip
SECTOR = {
    "invernadero": 0.7, "hortícola": 0.4, "frutal": 0.35, "cítricos": 0.2, "vivero": 0.3, "viñedo": 0.0,
    "olivar": -0.2, "cereal": -0.9, "jardinería": -0.4, "ingeniería": 0.1, "universidad": -2.0,
}  # fmt: skip
UNSEEN_FIT = 0.6  # standard deviation of what nothing observable tells
HOUR_WEIGHTS = (1, 0, 0, 0, 0, 1, 4, 10, 18, 24, 26, 24, 18, 11, 9, 14, 18, 18, 15, 11, 9, 9, 7, 3)  # Madrid time
DAY_WEIGHTS = (1.1, 1.15, 1.1, 1.05, 0.95, 0.4, 0.35)  # Monday first

PAGES = {  # {what they are after: paths}
    "learn": ("/blog/uniformidad-de-goteo", "/blog/tarifa-3-0td", "/blog/sensores-de-humedad", "/", "/casos"),
    "compare": ("/productos/programador-p8", "/productos/sensores", "/casos/invernadero", "/casos/frutal-lleida"),
    "buy": ("/precios", "/precios", "/precios/calculadora", "/productos/programador-p8", "/contacto"),
    "support": ("/soporte", "/soporte/programador-p8"),
}  # fmt: skip
# {kind of person: what they read while nothing presses}: managers what others gained, technicians how it works.
READS = {
    "manager": ("/casos", "/casos/invernadero", "/casos/frutal-lleida", "/", "/precios"),
    "technician": (
        "/blog/uniformidad-de-goteo", "/blog/sensores-de-humedad", "/productos/programador-p8", "/productos/sensores",
    ),
    "owner": ("/", "/blog/tarifa-3-0td", "/guia", "/contacto"),
    "student": ("/blog/uniformidad-de-goteo", "/blog/tarifa-3-0td", "/blog/sensores-de-humedad", "/guia"),
}  # fmt: skip


@dataclass(frozen=True)
class Act:
    """Something a person did. verb: visit, click, social, download, quote, purchase, service.

    detail: visit: paths; click: the number of the mail; social: network and action; purchase: the value in euros.
    """

    at: datetime
    verb: str
    detail: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class Project:
    """A time of wanting to buy; `buys` is how it ends."""

    begins: datetime
    ends: datetime
    buys: bool


@dataclass
class Life:
    """What one person felt and did from the moment they became a lead. `interest`: one value a week."""

    person: Person
    born: datetime
    fit: float
    zeal: float
    leaves_traces: bool
    interest: list[float] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)

    @property
    def bought_at(self) -> datetime | None:
        return next((act.at for act in self.acts if act.verb == "purchase"), None)

    def interest_at(self, at: datetime) -> float:
        return self.interest[min(len(self.interest) - 1, max(0, (at - self.born) // WEEK))]

    def wants_to_buy_at(self, at: datetime) -> bool:
        return any(project.begins <= at < project.ends for project in self.projects)

    def true_score(self, at: datetime) -> float:
        """The log-odds of buying soon, for somebody who looks into their head: what models are measured against."""
        if self.wants_to_buy_at(at):
            return _purchase_odds(self.fit)
        return _project_odds(self.fit, self.interest_at(at))


def live(person: Person, *, born: datetime, until: datetime, mails: Sequence[datetime], random: Random) -> Life:
    """A whole life: acts in order of time, none before `born` or after `until`. `mails`: when mails reach them."""
    life = Life(
        person=person,
        born=born,
        fit=_observable_fit(person) + random.gauss(0, UNSEEN_FIT),
        zeal=random.gammavariate(1.4, 1 / 1.4),
        leaves_traces=random.random() < 0.72,
    )
    if person.job_title == "estudiante" or random.random() < 0.015:  # a competitor, who reads everything
        life.zeal *= 3
    _spend_weeks(life, until, mails, random)
    life.acts = sorted((act for act in life.acts if born <= act.at <= until), key=lambda act: act.at)
    return life


def _observable_fit(person: Person) -> float:
    return SIZE[person.employees] + ROLE[person.job_title] + SECTOR[person.sector] - 0.4


def _spend_weeks(life: Life, until: datetime, mails: Sequence[datetime], random: Random) -> None:
    own_level = 0.25 * life.fit + random.gauss(-0.4, 0.7)
    interest, week = own_level + random.uniform(0.6, 1.8), life.born
    while week < until:
        life.interest.append(interest)
        busy = _project_of_week(life, week, interest, random)
        _browse(life, week, interest, busy, random)
        interest += _read_mails(life, week, interest, mails, random)
        interest += 0.25 * (own_level - interest) + random.gauss(0, 0.3)
        week += WEEK


def _project_odds(fit: float, interest: float) -> float:
    """Log-odds that a project begins in a week."""
    return -4.9 + 0.85 * fit + 0.75 * interest


def _purchase_odds(fit: float) -> float:
    """Log-odds that a project ends in a purchase."""
    return -0.35 + 0.55 * fit


def _chance(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))


def _project_of_week(life: Life, week: datetime, interest: float, random: Random) -> Project | None:
    """The project under way this week, perhaps a new one, with what it makes them do. Few buy a second time."""
    if running := next((p for p in life.projects if p.begins <= week + WEEK and week < p.ends), None):
        return running
    odds = _project_odds(life.fit, interest) - (2.3 if any(p.buys for p in life.projects) else 0)
    if random.random() > _chance(odds):
        return None
    begins = week + timedelta(days=random.uniform(0, 6))
    project = Project(
        begins, begins + timedelta(days=random.uniform(6, 20)), random.random() < _chance(_purchase_odds(life.fit))
    )
    life.projects.append(project)
    _ask_and_decide(life, project, random)
    return project


def _ask_and_decide(life: Life, project: Project, random: Random) -> None:
    if random.random() < (0.55 if project.buys else 0.2):
        share = random.uniform(0.3, 0.8)
        life.acts.append(Act(office_hour(project.begins + share * (project.ends - project.begins), random), "quote"))
    if project.buys:
        bought_at = office_hour(project.ends, random)
        life.acts.append(Act(bought_at, "purchase", (_price(life.person, random),)))
        _need_service(life, bought_at, random)


def _need_service(life: Life, bought_at: datetime, random: Random) -> None:
    """Four in ten customers ask for something afterwards, some twice."""
    waited = bought_at
    while random.random() < 0.4:
        waited += timedelta(days=random.uniform(9, 45))
        life.acts.append(Act(office_hour(waited - timedelta(hours=1), random), "visit", PAGES["support"]))
        life.acts.append(Act(office_hour(waited, random), "service"))


def _price(person: Person, random: Random) -> int:
    """Euros: a programmer and some valves for the small, a head and its sensors for the large."""
    return 10 * round(random.lognormvariate(0, 0.45) * (90 + 5.5 * min(person.hectares, 250)))


def _browse(life: Life, week: datetime, interest: float, project: Project | None, random: Random) -> None:
    calm = 0.18 * math.exp(0.65 * interest) * life.zeal
    for _ in range(_poisson(min(calm, 8), random)):
        pages = PAGES["compare"] if random.random() < _chance(interest - 1.8) else READS[life.person.kind]
        if random.random() < 0.04:  # everybody looks at prices now and then
            pages = PAGES["buy"]
        _visit(life, week + random.random() * WEEK, pages, random)
    if random.random() < 0.016 * life.zeal * math.exp(0.4 * interest):
        network = random.choice(("linkedin", "instagram", "youtube"))
        action = random.choice(("follow", "like", "like", "comment", "share"))
        life.acts.append(Act(office_hour(week + random.random() * WEEK, random), "social", (network, action)))
    if project:
        for _ in range(_poisson(4.5, random)):
            moment = project.begins + random.random() ** 0.7 * (project.ends - project.begins)
            if week <= moment < week + WEEK:
                _visit(life, moment, PAGES[random.choice(("buy", "buy", "compare"))], random)


def _visit(life: Life, day: datetime, pages: Sequence[str], random: Random) -> None:
    if not life.leaves_traces:
        return
    seen = tuple(dict.fromkeys(random.choice(pages) for _ in range(random.choice((1, 1, 2, 3, 4)))))
    life.acts.append(Act(office_hour(day, random), "visit", seen))


def _read_mails(life: Life, week: datetime, interest: float, mails: Sequence[datetime], random: Random) -> float:
    """What this week's mails do to the interest; a click needs some already."""
    gained = 0.0
    for number, sent_at in enumerate(mails):
        if week <= sent_at < week + WEEK and random.random() < _chance(-2.0 + 0.9 * interest):
            delay = timedelta(hours=random.lognormvariate(0.8, 1.1))
            life.acts.append(Act(sent_at + min(delay, timedelta(days=5)), "click", (number,)))
            gained += random.uniform(0.1, 0.5)
    return gained


def office_hour(day: datetime, random: Random) -> datetime:
    """Some time of the same Madrid day when such people sit at a screen, UTC; weekends often become Monday."""
    local = day.astimezone(MADRID)
    if random.random() > DAY_WEIGHTS[local.weekday()]:
        local += timedelta(days=7 - local.weekday())
    hour = random.choices(range(24), HOUR_WEIGHTS)[0]
    moment = local.replace(hour=hour, minute=random.randrange(60), second=random.randrange(60), microsecond=0, fold=0)
    return moment.astimezone(UTC)


def _poisson(mean: float, random: Random) -> int:
    """Knuth, The Art of Computer Programming, vol. 2, 3.4.1 F; fit for small means."""
    limit, count, product = math.exp(-mean), 0, random.random()
    while product > limit:
        count, product = count + 1, product * random.random()
    return count
