"""How a model fares: who is in which band and what became of them, how scores are spread, which rules do nothing or
ever more, who has no score and why. Told from a row a day, which a job writes; first days of months are worked out for
the past as well, by the version in force, so that a new version has its past at once.
"""

# ruff: noqa: S608 (statements are made of our own names and quoted ones; values are bound)

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from cultiva.criteria.columns import Columns, workspace_columns
from cultiva.criteria.offline import Wanted
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.documents import DocumentError
from cultiva.scoring.bulk import BulkModel, compile_bulk_model
from cultiva.scoring.model import LANGUAGES, Rule, ScoringModel
from cultiva.scoring.models import ModelVersion, ScoreDay
from cultiva.scoring.rehearsal.metrics import wilson
from cultiva.segments.standing import personas_of

Json = dict[str, Any]

MONTHS = 12  # told
BUCKETS = 20  # of a histogram, at most
WITHIN = (30, 90)  # days, for a conversion
DEAD_DAYS = 90
RISES, RISEN = 3, 0.03  # months one after another, and the share of the total won by them
EVERYBODY = 0.9  # of the leads
TEMPERATURES = ("hot", "warm", "cold")
UNSCORED = ("not_valid", "objected", "no_basis", "new")


# The row of a day


def note_health(*, workspace_id: int, at: datetime) -> int:
    """Write what is missing of today and of the first days of months past, for every model in force; how many rows."""
    with workspace_scope(workspace_id):
        versions = list(ModelVersion.currents(workspace_id).select_related("workspace"))
    return sum(_note(version, at) for version in versions)


def _note(version: ModelVersion, at: datetime) -> int:
    zone = ZoneInfo(version.workspace.time_zone)
    today = at.astimezone(zone).date()
    months = list(_months_before(today))
    with workspace_scope(version.workspace_id):
        rows = ScoreDay.objects.filter(workspace_id=version.workspace_id, model=version)
        known = {row.day: row.settled_on for row in rows.filter(day__in=[today, *months])}
    if today in known:
        return 0
    # Conversions of the last 90 days still come: those months are worked out again.
    wanted = [day for day in months if day not in known or known[day] < day + timedelta(days=max(WITHIN) + 1)]
    found = _worked_out(version, {day: datetime.combine(day, time(), zone) for day in wanted}, today, at)
    with workspace_scope(version.workspace_id):
        present = fetch_all(
            load_sql("scoring", "standing_of_model"), {"workspace": version.workspace_id, "model": version.id}
        )[0]
        found[today] = {**found.get(today, {}), **_present(present)}
        ScoreDay.objects.bulk_create(
            [
                ScoreDay(workspace_id=version.workspace_id, model=version, day=day, settled_on=today, **row)
                for day, row in found.items()
            ],
            update_conflicts=True, unique_fields=["workspace", "model", "day"],
            update_fields=["settled_on", "leads", "bands", "buckets", "rules", "conversions", "unscored"],
        )  # fmt: skip
    return len(found)


def _months_before(today: date) -> Iterator[date]:
    """First days of months, the latest first; not today."""
    day = today.replace(day=1)
    for _number in range(MONTHS):
        if day < today:
            yield day
        day = (day - timedelta(days=1)).replace(day=1)


def _present(row: Mapping[str, Any]) -> Json:
    """What is stored now: bands with their hysteresis, and everybody without a score."""
    return {
        "leads": row["leads"],
        "bands": {band: row[band] for band in TEMPERATURES},
        "unscored": {why: row[why] for why in UNSCORED},
    }


def _worked_out(
    version: ModelVersion, instants: Mapping[date, datetime], today: date, at: datetime
) -> dict[date, Json]:
    """{day: the columns of its row}; of today the rules and the histogram. Empty where columns cannot tell."""
    model = ScoringModel.read(version.body)
    with workspace_scope(version.workspace_id):
        zone, personas = version.workspace.time_zone, dict(personas_of(version.workspace_id))
    try:
        compiled = compile_bulk_model(model, timezone=zone, personas=personas)
    except DocumentError:  # a persona asks for what columns do not tell
        return {}
    events = compiled.events | ({model.goal} if model.goal else frozenset())
    wanted = Wanted(compiled.attributes, compiled.properties, events)
    since = min([at, *instants.values()]).astimezone(UTC)
    found = dict[date, Json]()
    with workspace_columns(workspace_id=version.workspace_id, wanted=wanted, until=at, since=since) as columns:
        for day, instant in [*instants.items(), (today, at)]:
            columns.stand_at(instant)
            found[day] = _day(columns, model, compiled, instant.astimezone(UTC), is_past=day != today)
    return found


def _day(columns: Columns, model: ScoringModel, compiled: BulkModel, at: datetime, *, is_past: bool) -> Json:
    engine, bound = columns.connection, compiled.parts.bound(at)
    engine.execute(f"CREATE OR REPLACE TABLE parts AS {compiled.parts.sql}", bound)
    low, width, counts = _histogram(engine)
    told: Json = {
        "leads": sum(counts),
        "buckets": {"low": low, "width": width, "leads": counts},
        "rules": _rules(engine, model),
        "bands": {},
        "conversions": {},
    }
    if is_past and model.temperature:
        rows = engine.execute(_converted(model), _limits(model) | {"at": at, "goal": model.goal}).fetchall()
        told["bands"] = {band: leads for band, leads, *_hits in rows}
        told["conversions"] = {band: [leads, *hits] for band, leads, *hits in rows} if model.goal else {}
    return told


def _histogram(engine: Any) -> tuple[float, float, list[int]]:
    """(where the first bucket begins, how wide each is, leads of each)"""
    low, high = engine.execute("SELECT min(total), max(total) FROM parts").fetchone()
    if low is None:
        return 0.0, 1.0, []
    width = next(step for step in _steps() if (high // step) - (low // step) < BUCKETS)
    first = low // width
    rows = engine.execute("SELECT floor(total / $width)::BIGINT, count(*) FROM parts GROUP BY 1", {"width": width})
    placed = dict(rows.fetchall())
    return first * width, width, [placed.get(int(first) + n, 0) for n in range(int(high // width - first) + 1)]


def _steps() -> Iterator[float]:
    step = 1.0
    while True:
        yield from (step, 2 * step, 5 * step)
        step *= 10


def _rules(engine: Any, model: ScoringModel) -> Json:
    """{rule: [leads who have points of it, mean share of the points of those who have some]}"""
    weights = {dimension.name: dimension.weight for dimension in model.dimensions}
    sizes = [f"abs(points_{n} * {weights[rule.dimension]!r})" for n, rule in enumerate(model.rules)]
    if not sizes:
        return {}
    figures = [f"count(*) FILTER (WHERE points_{n} <> 0), avg({size} / nullif(s, 0))" for n, size in enumerate(sizes)]
    row = engine.execute(f"SELECT {', '.join(figures)} FROM (SELECT *, {' + '.join(sizes)} AS s FROM parts)").fetchone()
    return {
        rule.key: [row[2 * number], round(row[2 * number + 1] or 0.0, 6)] for number, rule in enumerate(model.rules)
    }


def _limits(model: ScoringModel) -> Json:
    assert model.temperature
    return {"warm": model.temperature.warm, "hot": model.temperature.hot}


def _converted(model: ScoringModel) -> str:
    """Of each band, its leads and who of them did what the model is for in the days after."""
    hits = [f"count(*) FILTER (WHERE first_at <= $at::TIMESTAMPTZ + INTERVAL {days} DAY)" for days in WITHIN]
    return f"""
        SELECT CASE WHEN total >= $hot THEN 'hot' WHEN total >= $warm THEN 'warm' ELSE 'cold' END AS band,
               count(*), {", ".join(hits)}
          FROM parts p
          LEFT JOIN (SELECT lead_id, min(occurred_at) AS first_at FROM event
                      WHERE name = $goal AND occurred_at > $at GROUP BY lead_id) g USING (lead_id)
         GROUP BY band"""


# What is told of them


@dataclass(frozen=True)
class BandShare:
    """Of the leads of a band at the beginning of a month, who converted; None where the days are not over."""

    band: str
    leads: int
    converted: int
    share: float | None
    low: float | None  # of the interval of 95 %
    high: float | None


@dataclass(frozen=True)
class Month:
    day: date
    bands: Mapping[int, Sequence[BandShare]]  # {30 | 90: hot, warm, cold}


@dataclass(frozen=True)
class RuleHealth:
    """`finding`: dead | dead_long | rising | everybody | empty. `shares`: of each month, oldest first."""

    key: str
    words: Mapping[str, str]
    leads: int
    share: float
    shares: Sequence[float]
    finding: str


@dataclass(frozen=True)
class Health:
    """`days`: rows of table `score_day`, oldest first, the last is the latest; `months` oldest first."""

    version: ModelVersion
    goal: str
    days: Sequence[ScoreDay]
    months: Sequence[Month]
    rules: Sequence[RuleHealth]

    @property
    def latest(self) -> ScoreDay | None:
        return self.days[-1] if self.days else None


def health_of(version: ModelVersion, at: datetime) -> Health:
    """What the rows of the version's last twelve months tell; empty where none was written yet."""
    model = ScoringModel.read(version.body)
    today = at.astimezone(ZoneInfo(version.workspace.time_zone)).date()
    rows = ScoreDay.objects.filter(workspace_id=version.workspace_id, model=version, day__lte=today)
    days = list(rows.filter(day__gt=today - timedelta(days=31 * MONTHS)).order_by("day"))
    firsts = [row for row in days if row.day.day == 1]
    return Health(
        version=version,
        goal=model.goal,
        days=days,
        months=[_month(row, today) for row in firsts if row.conversions],
        rules=[_rule_health(rule, days, firsts) for rule in model.rules] if days else [],
    )


def _month(row: ScoreDay, today: date) -> Month:
    return Month(
        row.day,
        {
            days: [
                _share(band, row.conversions.get(band), number, row.day + timedelta(days=days) < today)
                for band in TEMPERATURES
            ]
            for number, days in enumerate(WITHIN, 1)
        },
    )


def _share(band: str, found: Sequence[int] | None, number: int, is_over: bool) -> BandShare:
    leads, converted = (found[0], found[number]) if found else (0, 0)
    if not leads or not is_over:
        return BandShare(band, leads, converted, None, None, None)
    low, high = wilson(converted, leads)
    return BandShare(band, leads, converted, converted / leads, low, high)


def _rule_health(rule: Rule, days: Sequence[ScoreDay], firsts: Sequence[ScoreDay]) -> RuleHealth:
    key, words = rule.key, {language: rule.words(language) for language in LANGUAGES}
    told = [row for row in days if key in row.rules]
    if not told:
        return RuleHealth(key, words, 0, 0.0, [], "")
    last = told[-1]
    leads, share = last.rules[key]
    shares = [row.rules[key][1] for row in firsts if key in row.rules and row.leads]
    lately = [row for row in told if row.day >= last.day - timedelta(days=DEAD_DAYS)]
    if not leads:
        is_long = len(lately) > 1 and not any(row.rules[key][0] for row in lately)
        finding = "dead_long" if is_long else "dead"
    elif leads >= EVERYBODY * (last.leads or 1):
        finding = "everybody"
    else:
        finding = "rising" if rule.points > 0 and _rises(shares) else ""
    return RuleHealth(key, words, leads, share, shares, finding)


def _rises(shares: Sequence[float]) -> bool:
    latest = shares[-RISES - 1 :]
    return (
        len(latest) > RISES and all(one < other for one, other in pairwise(latest)) and latest[-1] - latest[0] >= RISEN
    )
