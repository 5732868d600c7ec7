"""Publishing models, scoring the leads of a batch, and saying why."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from cultiva.consent.sensitive import barred_from_scoring
from cultiva.criteria.language import placed_conditions
from cultiva.criteria.references import references_of, save_references
from cultiva.events.actions import SKEW, NewEvent
from cultiva.events.batch import Batch
from cultiva.leads.models import Attribute
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.lib.documents import DocumentError, Mistakes, read_document
from cultiva.scoring.compile import compile_model
from cultiva.scoring.explanation import (
    Explanation,
    cut_of,
    displayed,
    explained_dimensions,
    explained_rules,
)
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion, Score
from cultiva.scoring.supposing import LeadUnder, Supposition
from cultiva.segments.standing import personas_of

__all__ = ["Explanation", "displayed", "explain", "primary_model", "publish_model", "rescore_due", "score"]


def publish_model(
    *, workspace_id: int, text: str, at: datetime, is_primary: bool = True, rescores: bool = True
) -> ModelVersion:
    """Put a model in force; the same text again changes nothing. Raises DocumentError.

    The primary model, the one published last as such, fills `lead_state`. Every lead that has a score becomes due
    (`rescore_due`), but for a rehearsal (not `rescores`).
    """
    body = read_document(text, name="model")
    model = ScoringModel.read(body)
    with workspace_scope(workspace_id):
        _refuse_protected(model, workspace_id)
        refers = references_of(rule.when for rule in model.rules)
        save_references(workspace_id=workspace_id, kind="score", key=model.key, refers=refers)
        before = ModelVersion.current(workspace_id, model.key)
        version = ModelVersion.publish(
            workspace_id=workspace_id,
            key=model.key,
            name=model.name,
            body=body,
            source_text=text,
            at=at,
            is_primary=is_primary,
        )
        if (version == primary_model(workspace_id)) != is_primary:
            version = _publish_again(version, at=at, is_primary=is_primary)
        if version != before and rescores:
            Score.objects.filter(workspace_id=workspace_id).update(next_change_at=at)
        return version


def _refuse_protected(model: ScoringModel, workspace_id: int) -> None:
    """Nobody is scored by special categories of data, by their age or by their nationality: not in force, that is."""
    labels = dict(Attribute.objects.filter(workspace_id=workspace_id, subject="lead").values_list("key", "label"))
    mistakes = Mistakes()
    for number, rule in enumerate(model.rules):
        for place, condition in placed_conditions(rule.when, f"rules[{number}].when"):
            for name in condition.reads().attributes:
                if told := barred_from_scoring(name) or barred_from_scoring(labels.get(name, "")):
                    problem = gettext("`%(name)s` tells of %(told)s, and nobody is scored by that")
                    hint = gettext("take the rule out; it may still be kept, and asked for in segments")
                    mistakes.errors.append(DocumentError(place, problem % {"name": name, "told": told}, hint))
    mistakes.tell()


def _publish_again(version: ModelVersion, *, at: datetime, is_primary: bool) -> ModelVersion:
    """The same document as the next version: which model is primary changed, and versions never do."""
    return ModelVersion.objects.create(
        workspace_id=version.workspace_id,
        key=version.key,
        version=version.version + 1,
        name=version.name,
        body=version.body,
        source_text=version.source_text,
        published_at=at,
        is_primary=is_primary,
    )


def primary_model(workspace_id: int) -> ModelVersion | None:
    """The model that fills `lead_state`, or None."""
    return _primary(list(ModelVersion.currents(workspace_id)))


def _primary(versions: Sequence[ModelVersion]) -> ModelVersion | None:
    return max((v for v in versions if v.is_primary), key=lambda version: version.id, default=None)


def score(batch: Batch) -> None:
    """Step of `flow`: score the batch's leads anew under every model in force, one statement a model."""
    if not batch.lead_ids:
        return
    versions = list(ModelVersion.currents(batch.workspace_id).select_related("workspace"))
    primary = _primary(versions)
    for version in versions:
        changes = _write_scores(batch, version, is_primary=version == primary)
        batch.record([event for change in changes for event in _events(change, version, batch.at)])


def _write_scores(batch: Batch, version: ModelVersion, *, is_primary: bool) -> list[dict[str, Any]]:
    """Rows of write_scores.sql: the leads whose temperature or grade changed."""
    model = ScoringModel.read(version.body)
    compiled = compile_model(model, timezone=version.workspace.time_zone, personas=personas_of(version.workspace_id))
    temperature = model.temperature
    return fetch_all(
        f"WITH {compiled.steps}, {load_sql('scoring', 'write_scores')}",
        {
            **compiled.parameters,
            "workspace": batch.workspace_id,
            "leads": batch.lead_ids,
            "at": batch.at,
            "until": batch.at + SKEW,  # the ledger holds no event from further ahead
            "model": version.id,
            "key": version.key,
            "is_primary": is_primary,
            "warm": temperature and temperature.warm,
            "hot": temperature and temperature.hot,
            "hysteresis": temperature and temperature.hysteresis,
        },
    )


def _events(change: Mapping[str, Any], version: ModelVersion, at: datetime) -> Iterator[NewEvent]:
    """What the ledger keeps of a change. A first temperature, or grade, is told of warm and hot leads only."""
    for band in ("temperature", "grade"):
        was, is_now = change[f"from_{band}"], change[band]
        if was == is_now or (was is None and change["temperature"] not in ("warm", "hot")):
            continue
        yield NewEvent(
            kind="score",
            name=f"{band}_changed",
            message_id=f"score:{version.id}:{change['lead_id']}:{at.isoformat()}:{band}",
            occurred_at=at,
            lead_id=change["lead_id"],
            by="system",
            properties={"model": version.key, "from": was, "to": is_now, "total": change["total"]},
        )


def rescore_due(*, workspace_id: int, at: datetime, limit: int = 1000, without: Sequence[int] = ()) -> list[int]:
    """Leads whose score time alone has changed by `at`, ascending; the longest overdue first if there are more."""
    with workspace_scope(workspace_id):
        due = Score.objects.filter(workspace_id=workspace_id, next_change_at__lte=at).exclude(lead_id__in=without)
        longest = due.order_by("next_change_at", "id").values_list("lead_id", flat=True)[:limit]
        return sorted(set(longest))


def explain(*, workspace_id: int, lead_id: int, model: ModelVersion, at: datetime) -> Explanation | None:
    """Every point of a lead's score as of `at`, with its rule and events, and what each cap cut.

    Attributes, events and validity are those of then. None where the lead could not be profiled: they had no score,
    which is not 0.
    """
    with workspace_scope(workspace_id):
        under = LeadUnder.of(workspace_id=workspace_id, lead_id=lead_id, version=model)
        return explain_under(under, at)


def explain_under(under: LeadUnder, at: datetime) -> Explanation | None:
    """`explain`, where the workspace is entered and the model compiled."""
    row, read = under.rows([Supposition(at)])[0], under.model
    if row is None:
        return None
    rules = explained_rules(read, row, under.evidence(at))
    dimensions = explained_dimensions(read, row, rules)
    return Explanation(
        model=under.version.key,
        version=under.version.version,
        lead_id=under.lead_id,
        at=at,
        rules=rules,
        dimensions=dimensions,
        total=row["total"],
        cut=cut_of(row["total"], [each.weight * each.value for each in dimensions]),
        shown_total=row["shown_total"],
        next_change_at=row["next_change_at"],
    )
