"""What moved a lead into another band: the rules whose points changed, and the latest event of each."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from cultiva.lib.database import fetch_all, load_sql
from cultiva.lib.languages import reader_language
from cultiva.scoring.along import latest_events, points_along
from cultiva.scoring.model import Rule, ScoringModel
from cultiva.scoring.models import ModelVersion

Row = dict[str, Any]

CAUSES = 5  # listed
LEAST = 1e-6  # of a point: less is not shown
WARMTH = ("cold", "warm", "hot")


def with_causes(version: ModelVersion, model: ScoringModel, changes: Sequence[Row], at: datetime) -> list[Row]:
    """The same rows of write_scores.sql with `causes`: {band: [{rule, delta, event | why}, ..]}, the greatest first.

    `delta` is in points of the total, against the stored score. `event`, of a rule that asks for events: {id, name,
    occurred_at} of the latest that is new since then. `why`: `aged`, by time alone; `model`, by a new version; neither:
    by what they told. Scores that everybody got at once, on publishing, hold no points of rules: none are listed there,
    and those of then are worked out where the next change needs them.
    """
    listed = [row for row in changes if row["points"] is not None]
    events = latest_events(version, [row["lead_id"] for row in listed], at)
    before = _versions_of(version, listed)
    _fill_points(before, listed)
    models = {number: ScoringModel.read(each.body) for number, each in before.items()}
    for row in changes:
        causes = list(_causes(version, model, row, events, models, at)) if row["points"] is not None else []
        row["causes"] = {"temperature": _warming(row, causes), "grade": _grading(model, causes)}
    return list(changes)


def _versions_of(version: ModelVersion, changes: Sequence[Row]) -> dict[int, ModelVersion]:
    """{id: version}, of those that scored before."""
    found = ModelVersion.objects.filter(
        workspace_id=version.workspace_id, id__in={row["from_model"] for row in changes} - {None}
    )
    return {each.id: each for each in found.select_related("workspace")}


def _fill_points(before: Mapping[int, ModelVersion], changes: Sequence[Row]) -> None:
    for number, version in before.items():
        unknown = [row for row in changes if row["from_model"] == number and row["from_points"] is None]
        found = points_along(version, {row["lead_id"]: [row["from_at"]] for row in unknown}) if unknown else {}
        for row in unknown:
            row["from_points"] = found.get((row["lead_id"], row["from_at"]))


def _causes(
    version: ModelVersion,
    model: ScoringModel,
    row: Row,
    events: Mapping[tuple[int, int], Row],
    before: Mapping[int, ScoringModel],
    at: datetime,
) -> Iterator[Row]:
    if row["from_model"] is not None and row["from_points"] is None:
        return
    was = _points(before[row["from_model"]], row["from_points"]) if row["from_model"] is not None else {}
    for number, (rule, points) in enumerate(_points(model, row["points"]).items()):
        delta = points - was.get(rule, 0.0)
        if abs(delta) < LEAST:
            continue
        cause: Row = {"rule": rule, "delta": round(delta, 6)}
        event = events.get((row["lead_id"], number))
        if row["from_model"] not in (None, version.id):
            cause["why"] = "model"
        elif event and _is_new(event, row["from_at"]):
            cause["event"] = {"id": event["id"], "name": event["name"], "occurred_at": event["occurred_at"].isoformat()}
        elif row["from_at"] is not None and _may_age(model.rules[number], row, at):
            cause["why"] = "aged"
        yield cause
    for rule, points in was.items():
        if rule not in _keys(model) and abs(points) >= LEAST:
            yield {"rule": rule, "delta": round(-points, 6), "why": "model"}


def _points(model: ScoringModel, points: Sequence[float]) -> dict[str, float]:
    """{rule: what it adds to the total before the caps of dimensions and total}"""
    weights = {dimension.name: dimension.weight for dimension in model.dimensions}
    return {rule.key: weights[rule.dimension] * each for rule, each in zip(model.rules, points, strict=True)}


def _keys(model: ScoringModel) -> set[str]:
    return {rule.key for rule in model.rules}


def _is_new(event: Row, since: datetime | None) -> bool:
    return since is None or event["occurred_at"] > since or event["received_at"] > since


def _may_age(rule: Rule, row: Row, at: datetime) -> bool:
    """Whether time alone may have changed the rule since the stored score."""
    is_smooth = rule.ageing is not None and rule.ageing.kind != "expires"
    return is_smooth or (row["due_at"] is not None and row["due_at"] <= at)


def _warming(row: Row, causes: Sequence[Row]) -> list[Row]:
    """Those that moved it that way."""
    was, is_now = row["from_temperature"], row["temperature"]
    if is_now is None:
        return []
    up = was is None or WARMTH.index(is_now) > WARMTH.index(was)
    of_that_way = [each for each in causes if (each["delta"] > 0) == up]
    return sorted(of_that_way, key=lambda each: -abs(each["delta"]))[:CAUSES]


def _grading(model: ScoringModel, causes: Sequence[Row]) -> list[Row]:
    """Those of the dimensions that grades are of."""
    graded = {each.dimension for each in (model.grade, model.interest_grade) if each}
    of_them = {rule.key for rule in model.rules if rule.dimension in graded}
    found = [each for each in causes if each["rule"] in of_them or each["rule"] not in _keys(model)]
    return sorted(found, key=lambda each: -abs(each["delta"]))[:CAUSES]


# In words

Told = Mapping[str, Any]  # the properties of a change of band


class RuleWords:
    """What rules reward, in the reader's language, by model and version; read once."""

    def __init__(self, workspace_id: int, changes: Sequence[Told]) -> None:
        keys = {each["model"] for each in changes if each.get("causes")}
        found = ModelVersion.objects.filter(workspace_id=workspace_id, key__in=keys).order_by("version")
        wanted = {(each["model"], each["version"]) for each in changes if each.get("causes")}
        self._words: dict[str, dict[str, str]] = {}
        self._of: dict[tuple[str, int], dict[str, str]] = {}
        for version in found:
            words = self._words.setdefault(version.key, {})
            if any(key == version.key and number >= version.version for key, number in wanted):
                rules = ScoringModel.read(version.body).rules
                words |= {rule.key: rule.words(reader_language()) for rule in rules}
            self._of[version.key, version.version] = dict(words)  # with those that earlier versions had

    def said(self, change: Told) -> list[str]:
        """What caused a change, a sentence a rule."""
        causes = change.get("causes") or []
        words = self._of.get((change["model"], change["version"]), {}) if causes else {}
        return [_said(cause, words.get(cause["rule"], cause["rule"])) for cause in causes]


def _said(cause: Told, words: str) -> str:
    said = {"rule": words, "points": _signed(cause["delta"])}
    if event := cause.get("event"):
        when = parse_datetime(event["occurred_at"])
        assert when
        day = date_format(timezone.localtime(when), "SHORT_DATE_FORMAT")
        return _("%(rule)s %(points)s (%(event)s, %(day)s)") % {**said, "event": event["name"], "day": day}
    if cause.get("why") == "aged":
        return _("%(rule)s %(points)s (by time alone)") % said
    if cause.get("why") == "model":
        return _("%(rule)s %(points)s (the model changed)") % said
    return f"{words} {said['points']}"


def _signed(points: float) -> str:
    shown = round(points, 1)
    sign = "+" if points > 0 else "\N{MINUS SIGN}"
    return sign + number_format(abs(shown), 0 if shown == int(shown) else 1, use_l10n=True)


def why_so_warm(*, workspace_id: int, model: str, lead_ids: Sequence[int]) -> dict[int, list[str]]:
    """{lead: what caused their last change of temperature under a model, in words}, of those with causes."""
    parameters = {"workspace": workspace_id, "leads": list(lead_ids), "model": model}
    rows = fetch_all(load_sql("scoring", "last_warmings"), parameters)
    words = RuleWords(workspace_id, [row["properties"] for row in rows])
    found = {row["lead_id"]: words.said(row["properties"]) for row in rows}
    return {lead_id: said for lead_id, said in found.items() if said}
