"""Writing scores, as sets: those of a batch, and what the ledger keeps of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cultiva.criteria.conditions.event import ACTS
from cultiva.events.actions import SKEW, NewEvent
from cultiva.events.batch import Batch
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.scoring.causes import with_causes
from cultiva.scoring.compile import compile_model
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion
from cultiva.scoring.temperature import Question, Stood, answer
from cultiva.segments.standing import personas_of

Row = dict[str, Any]

News = Mapping[int, Collection[datetime]]

BANDS = ("temperature", "grade")
LEAST = 1e-6  # what is shown differs by no less
BEGINNING = datetime.min.replace(tzinfo=UTC)


def primary_model(workspace_id: int) -> ModelVersion | None:
    """The model that fills `lead_state`, or None."""
    return _primary_of(list(ModelVersion.currents(workspace_id)))


def _primary_of(versions: Sequence[ModelVersion]) -> ModelVersion | None:
    return max((v for v in versions if v.is_primary), key=lambda version: version.id, default=None)


def score(batch: Batch) -> None:
    """Step of `flow`: score the batch's leads anew under every model in force, one statement a model."""
    if not batch.lead_ids:
        return
    versions = list(ModelVersion.currents(batch.workspace_id).select_related("workspace"))
    primary = _primary_of(versions)
    for version in versions:
        changes = work_out(version, batch.lead_ids, at=batch.at, is_primary=version == primary, news=news_of(batch))
        batch.record([event for change in changes for event in band_events(change, version, batch.at)])


# What happened at an instant and leaves the past as it was: others may bring a lead events from before.
OF_THE_INSTANT = (*ACTS, "consent", "score", "segment", "stage", "send")


def news_of(batch: Batch) -> News | None:
    """{lead: when each thing that is new happened}, of those of whom that is known; None: nothing but time, for
    anybody."""
    if batch.is_due:
        return None
    found: dict[int, set[datetime]] = {}
    for event in batch.events:
        if event.lead_id is not None:
            at = event.occurred_at if event.kind in OF_THE_INSTANT else BEGINNING
            found.setdefault(event.lead_id, set()).add(at)
    return found


def work_out(
    version: ModelVersion,
    lead_ids: Sequence[int],
    *,
    at: datetime,
    is_primary: bool,
    news: News | None = None,
) -> list[dict[str, Any]]:
    """Score some leads from the ledger; as `write_scores`."""
    model = ScoringModel.read(version.body)
    compiled = compile_model(model, timezone=version.workspace.time_zone, personas=personas_of(version.workspace_id))
    return write_scores(
        version, model, compiled.steps, compiled.parameters, lead_ids=lead_ids, at=at, is_primary=is_primary,
        news=news,
    )  # fmt: skip


def write_scores(
    version: ModelVersion,
    model: ScoringModel,
    steps: str,
    parameters: Mapping[str, Any],
    *,
    lead_ids: Sequence[int],
    at: datetime,
    is_primary: bool,
    news: News | None = None,
    looks_back: bool = True,
) -> list[dict[str, Any]]:
    """Rows of write_scores.sql of the leads whose temperature or grade changed, with the `causes` of each.

    `steps` end with `computed` (scoring.compile). `news`: as `news_of` says. Not `looks_back`: the temperatures that
    are stored are those of now, of everybody.
    First temperatures and grades are told of warm and hot leads only.
    """
    temperature = model.temperature
    rows = fetch_all(
        f"WITH {steps}, {load_sql('scoring', 'write_scores')}",
        {
            **parameters,
            "workspace": version.workspace_id,
            "leads": list(lead_ids),
            "at": at,
            "until": at + SKEW,  # the ledger holds no event from further ahead
            "model": version.id,
            "key": version.key,
            "is_primary": is_primary,
            "warm": temperature and temperature.warm,
            "hot": temperature and temperature.hot,
            "hysteresis": temperature and temperature.hysteresis,
        },
    )

    if looks_back:
        _settle(version, model, rows, at=at, is_primary=is_primary, news=news)
    changed = [row for row in rows if any(_is_told(row, band) for band in BANDS)]
    return with_causes(version, model, changed, at)


def _settle(
    version: ModelVersion,
    model: ScoringModel,
    rows: Sequence[Row],
    *,
    at: datetime,
    is_primary: bool,
    news: News | None,
) -> None:
    """The temperatures of those rows of which the total alone does not tell them."""
    questions: dict[int, Question] = {}
    limits = model.temperature
    for row in rows:
        if row["is_open"]:
            asked = questions[row["lead_id"]] = Question(
                row["lead_id"], at, stood=_stood(version, model, row, at, news)
            )
            asked.hear(limits, row["total"])
    answer(version, list(questions.values()))
    settled: dict[int, str] = {}
    for row in rows:
        found = questions.get(row["lead_id"])
        if found and found.temperature != row["temperature"]:
            settled[row["lead_id"]] = row["temperature"] = found.temperature
    if settled:
        parameters = {
            "workspace": version.workspace_id, "model": version.id, "is_primary": is_primary, "leads": list(settled),
            "temperatures": list(settled.values()),
        }  # fmt: skip
        execute(load_sql("scoring", "settle_temperatures"), parameters)


def _stood(version: ModelVersion, model: ScoringModel, row: Row, at: datetime, news: News | None) -> Stood | None:
    """The temperature that was stored, where nothing is new of the time before."""
    new = () if news is None else news.get(row["lead_id"], (BEGINNING,))
    if row["from_at"] is None or (new and min(new) <= row["from_at"]):
        return None
    ahead = {each for each in (*new, row["due_at"]) if each and row["from_at"] < each < at}
    if len(ahead) == 1 and _is_far_from_limits(model, row["total"], at - min(ahead)) and min(ahead) in new:
        ahead = set()  # as of the one thing that is new, the total was on the same side of every limit
    is_followed = not ahead or row["from_model"] == version.id  # what was ahead under another version is looked for
    return Stood(row["from_at"], row["from_temperature"], sorted(ahead) if is_followed else None)


MOST_ACTS = 1000  # of a lead that one rule weighs
LN_2 = 0.6931472


def _is_far_from_limits(model: ScoringModel, total: float, elapsed: timedelta) -> bool:
    """Whether smooth ageing alone cannot have taken a total over a limit, or its hysteresis, in that time."""
    limits, days = model.temperature, elapsed / timedelta(days=1)
    assert limits
    weights = {dimension.name: abs(dimension.weight) for dimension in model.dimensions}
    fading = 0.0  # points a day, of one act
    for rule in model.rules:
        if rule.ageing and rule.ageing.kind != "expires":
            rate = (LN_2 if rule.ageing.kind == "half_life" else 1.0) / rule.ageing.days
            fading += weights[rule.dimension] * abs(rule.points) * rate
    edges = [limit - less for limit in (limits.hot, limits.warm) for less in (0.0, limits.hysteresis)]
    return min(abs(total - edge) for edge in edges) > MOST_ACTS * fading * days + LEAST


def _is_told(change: Row, band: str) -> bool:
    was, is_now = change[f"from_{band}"], change[band]
    return was != is_now and (was is not None or change["temperature"] in ("warm", "hot"))


def band_events(change: Row, version: ModelVersion, at: datetime, *, cause: str = "") -> Iterator[NewEvent]:
    """What the ledger keeps of a change. `cause`: `version` where the lead did nothing, and the model changed."""
    caused = {"cause": cause} if cause else {}
    for band in BANDS:
        if not _is_told(change, band):
            continue
        yield NewEvent(
            kind="score",
            name=f"{band}_changed",
            message_id=f"score:{version.id}:{change['lead_id']}:{at.isoformat()}:{band}",
            occurred_at=at,
            lead_id=change["lead_id"],
            by="system",
            properties={
                "model": version.key, "version": version.version, "from": change[f"from_{band}"], "to": change[band],
                "total": change["total"], "causes": change["causes"][band], **caused,
            },
        )  # fmt: skip
