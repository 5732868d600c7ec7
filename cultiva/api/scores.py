"""Why a lead scores what it scores, rule by rule."""

from typing import Any, Literal

from django.utils import translation
from ninja import Query
from pydantic import BaseModel, Field

from cultiva.api import examples
from cultiva.api.door import Answer, ApiRequest, accepted_language, endpoint
from cultiva.api.errors import invalid, not_found
from cultiva.api.leads import lead_row
from cultiva.api.shapes import Id, Instant, Key, ModelHealth, Score
from cultiva.lib.languages import reader_language
from cultiva.scoring.actions import primary_model
from cultiva.scoring.explanation import Displayed, ExplainedRule, Explanation, displayed
from cultiva.scoring.health import Health, health_of
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion
from cultiva.scoring.outlook import Outlook, explain_fully
from cultiva.scoring.reasons import cuts_of, said_changes, said_proposals, what_of

Json = dict[str, Any]


class ScoreQuery(BaseModel):
    model: str = Field("", max_length=80, description="A model's key; the primary one where it is left out.")
    at: Instant | None = Field(None, description="As of then; now where it is left out.")
    language: Literal["", "es", "en"] = Field("", description="Of the words; else that of Accept-Language.")


@endpoint(
    "GET", "/leads/{lead_id}/score", scope="scores:read", tag="Scores", summary="Why a lead scores what it scores",
    answers={200: Score}, example=examples.SCORE,
)  # fmt: skip
def get_score(request: ApiRequest, lead_id: Id, query: Query[ScoreQuery]) -> Answer:
    """Every rule in words with its events, and what each limit took away. The parts add up to the total."""
    lead, version = lead_row(request, lead_id), _model(request, query.model)
    at = query.at or request.call.at
    if at > request.call.at:
        raise invalid("at", at, f"it has not come yet. It is {request.call.at.isoformat()} now.")
    with translation.override(query.language or accepted_language(request)):
        found = explain_fully(workspace_id=request.call.workspace_id, lead_id=lead["id"], model=version, at=at)
        head = {
            "lead_id": lead["id"],
            "model": {"key": version.key, "name": version.name, "version": version.version},
            "at": at,
            "language": reader_language(),
        }
        return 200, head | (_said(*found, version) if found else _unscored(lead))


class HealthQuery(BaseModel):
    language: Literal["", "es", "en"] = Field("", description="Of the words; else that of Accept-Language.")


@endpoint(
    "GET", "/models/{key}/health", scope="scores:read", tag="Scores", summary="How a scoring model fares",
    answers={200: ModelHealth}, example=examples.MODEL_HEALTH,
)  # fmt: skip
def get_model_health(request: ApiRequest, key: Key, query: Query[HealthQuery]) -> Answer:
    """Conversion by band, how scores are spread, dead and rising rules, and who has no score. Noted once a day."""
    version = ModelVersion.current(request.call.workspace_id, key)
    if version is None:
        raise not_found(f"model {key}")
    with translation.override(query.language or accepted_language(request)):
        return 200, _health(health_of(version, request.call.at))


def _health(found: Health) -> Json:
    version, language = found.version, reader_language()
    return {
        "model": {"key": version.key, "name": version.name, "version": version.version},
        "goal": found.goal,
        "days": [
            {"day": each.day, "leads": each.leads, "bands": each.bands, "unscored": each.unscored}
            for each in found.days
        ],
        "months": [
            {
                "month": month.day,
                "within_30_days": [vars(each) for each in month.bands[30]],
                "within_90_days": [vars(each) for each in month.bands[90]],
            }
            for month in found.months
        ],
        "histograms": [{"day": each.day, **each.buckets} for each in found.days if each.buckets],
        "rules": [vars(each) | {"words": each.words[language]} for each in found.rules],
    }


def _model(request: ApiRequest, key: str) -> ModelVersion:
    workspace_id = request.call.workspace_id
    found = ModelVersion.current(workspace_id, key) if key else primary_model(workspace_id)
    if found is None:
        keys = ", ".join(model.key for model in ModelVersion.currents(workspace_id)) or "none, publish one first"
        raise invalid("model", key or None, f"no such model is published. Published: {keys}.")
    return found


def _unscored(lead: Json) -> Json:
    why = "objected" if lead["consent"]["objected_at"] else "not_valid"
    nothing: Json = {"dimensions": [], "rules": [], "cuts": [], "changes": [], "proposals": [], "history": []}
    nothing |= {"next_band": "", "next_band_from": None}
    return {"total": None, "why_not": why, "temperature": None, "grade": None, "next_change_at": None} | nothing


def _said(found: Explanation, outlook: Outlook, version: ModelVersion) -> Json:
    shown = displayed(found)
    limits = {d.name: d.bounds for d in ScoringModel.read(version.body).dimensions}
    return {
        "total": float(shown.total),
        "why_not": None,
        "temperature": found.temperature,
        "grade": found.grade,
        "next_change_at": found.next_change_at,
        "dimensions": [
            {
                "name": each.name,
                "value": each.shown,
                "weight": each.weight,
                "min": limits[each.name].min or 0.0,
                "max": limits[each.name].max or 100.0,
                "points": float(shown.dimensions[each.name]),
            }
            for each in found.dimensions
        ],
        "rules": [_rule(rule, shown) for rule in found.rules],
        "cuts": [{"words": words, "points": float(points)} for words, points in cuts_of(shown)],
        **said_outlook(found, outlook),
    }


def said_outlook(found: Explanation, outlook: Outlook) -> Json:
    """In the language of the reader."""
    changes = zip(outlook.changes, said_changes(outlook), strict=True)
    proposals = zip(outlook.proposals, said_proposals(found, outlook), strict=True)
    return {
        "changes": [
            {
                "at": said.at,
                "rule": change.rule.key,
                "words": said.words,
                "points": float(said.points),
                "total": float(said.total),
            }
            for change, said in changes
        ],
        "next_band": outlook.band,
        "next_band_from": outlook.limit,
        "proposals": [
            {
                "rules": [step.rule.key for step in proposal.steps],
                "words": said.words,
                "gain": float(said.gain),
                "total": float(said.total),
                "reaches": said.reaches,
            }
            for proposal, said in proposals
        ],
        "history": [{"at": at, "total": total} for at, total in outlook.history],
    }


def _rule(rule: ExplainedRule, shown: Displayed) -> Json:
    return {
        "key": rule.key,
        "words": rule.words[reader_language()],
        "side": rule.side,
        "dimension": rule.dimension,
        "points": float(shown.rules[rule.key]),
        "before_cap": rule.raw,
        "after_cap": rule.after_rule_cap,
        "event_count": rule.event_count,
        "events": [
            {
                "id": event.id,
                "what": what_of(event.name, event.properties),
                "occurred_at": event.occurred_at,
                "weight": event.weight,
                "properties": event.properties,
            }
            for event in rule.events
        ],
        "next_change_at": rule.next_change_at,
    }
