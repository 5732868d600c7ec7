"""Publishing models, scoring the leads of a batch, and saying why."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext

from cultiva.consent.sensitive import barred_from_scoring
from cultiva.criteria.checking import check
from cultiva.criteria.conditions.event import EventHappened
from cultiva.criteria.language import conditions_of, placed_conditions
from cultiva.criteria.references import Name, forget_references, references_of, save_references
from cultiva.documents.kinds import CannotDelete
from cultiva.documents.normal import write_yaml
from cultiva.leads.actions import lock_leads
from cultiva.leads.models import Attribute
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError, Mistakes, nearest, read_document
from cultiva.lib.refusals import Refusal
from cultiva.scoring.explanation import (
    Explanation,
    cut_of,
    displayed,
    explained_dimensions,
    explained_rules,
)
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion, Score
from cultiva.scoring.rescoring import begin, supersede, waiting_version
from cultiva.scoring.supposing import LeadUnder, Supposition
from cultiva.scoring.temperature import temperature_as_of
from cultiva.scoring.writing import primary_model, score

__all__ = [
    "Explanation", "displayed", "explain", "make_primary", "primary_model", "publish_model", "rescore_due",
    "retire_model", "score",
]  # fmt: skip


def publish_model(
    *,
    workspace_id: int,
    text: str,
    at: datetime,
    is_primary: bool = True,
    rescores: bool = True,
    acts_on_bands: bool = False,
) -> ModelVersion:
    """Publish a model; the same text again changes nothing. Raises DocumentError.

    It comes into force once everybody is scored under it: at once in a small workspace, else by a job (`rescoring`);
    but for a rehearsal (not `rescores`). The primary model, the one published last as such, fills `lead_state`.
    `acts_on_bands`: bands that leads cross by it hand over and start workflows.
    """
    body = read_document(text, name="model")
    model = ScoringModel.read(body)
    with workspace_scope(workspace_id):
        refuse_protected(model, workspace_id)
        _refuse_unknown(model, workspace_id)
        refers = references_of(rule.when for rule in model.rules) | _segments_told(model)
        save_references(workspace_id=workspace_id, kind="score", key=model.key, refers=refers)
        before, waiting = ModelVersion.current(workspace_id, model.key), waiting_version(workspace_id, model.key)
        if waiting and (waiting.body, waiting.name, waiting.is_primary) == (body, model.name, is_primary):
            return waiting
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
            begin(version, before=before, acts_on_bands=acts_on_bands, at=at)
        return version


def refuse_protected(model: ScoringModel, workspace_id: int) -> None:
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


def _refuse_unknown(model: ScoringModel, workspace_id: int) -> None:
    """A persona, segment or other document that is not there; attributes and events may come yet."""
    mistakes = Mistakes()
    for number, rule in enumerate(model.rules):
        found = check(rule.when, workspace_id=workspace_id, place=f"rules[{number}].when")
        mistakes.errors += [each for each in found if each.waits_for_others]
    mistakes.tell()


def _segments_told(model: ScoringModel) -> frozenset[Name]:
    """Segments of which a rule asks who came in or went out: they cannot read the score in turn."""
    events = [each for rule in model.rules for each in conditions_of(rule.when) if isinstance(each, EventHappened)]
    tests = [test.comparison for event in events if event.event == "segment" for test in event.where
             if test.path == ("segment",) and test.comparison.operator in ("is", "any_of")]  # fmt: skip
    return frozenset(("segment", str(key)) for comparison in tests for key in comparison.operands)


def _publish_again(version: ModelVersion, *, at: datetime, is_primary: bool) -> ModelVersion:
    """The same document as the next version: which model is primary changed, and versions never do."""
    newest = ModelVersion.objects.filter(workspace_id=version.workspace_id, key=version.key).latest("version")
    return ModelVersion.objects.create(
        workspace_id=version.workspace_id,
        key=version.key,
        version=newest.version + 1,
        name=version.name,
        body=version.body,
        source_text=version.source_text,
        published_at=at,
        is_primary=is_primary,
    )


def make_primary(*, workspace_id: int, key: str, at: datetime) -> ModelVersion:
    """Let a model that is in force fill `lead_state`: its next version, of the same document. Raises Refusal.

    The model that was primary stays in force beside it. `lead_state` follows as `publish_model` says.
    """
    with workspace_scope(workspace_id):
        version = _in_force(workspace_id, key)
        text = version.source_text or write_yaml(version.body)
        return publish_model(workspace_id=workspace_id, text=text, at=at, is_primary=True)


def retire_model(*, workspace_id: int, key: str, by: str, at: datetime) -> None:
    """Take a model out of force with everybody's scores under it; its versions stay, and publishing counts on.

    Raises Refusal where there is none, CannotDelete for the primary one, StillUsed where a document reads its score.
    """
    with workspace_scope(workspace_id):
        version, primary = _in_force(workspace_id, key), primary_model(workspace_id)
        if primary and primary.key == key:
            raise CannotDelete(
                gettext("`%(key)s` is the primary model: temperatures and grades are its own.") % {"key": key},
                gettext("make another model the primary one first (in files: `primary: true`)"),
            )
        forget_references(workspace_id=workspace_id, kind="score", key=key)
        version.end(by=by, at=at)
        supersede(workspace_id=workspace_id, key=key)
        versions = ModelVersion.objects.filter(workspace_id=workspace_id, key=key)
        scores = Score.objects.filter(workspace_id=workspace_id, model__in=versions)
        # Whoever is scored right now is waited for: no score comes after this.
        lock_leads(workspace_id=workspace_id, lead_ids=list(scores.values_list("lead_id", flat=True)))
        scores._raw_delete(scores.db)  # a million rows go in one statement


def _in_force(workspace_id: int, key: str) -> ModelVersion:
    """Its newest version, which may still wait for everybody's scores."""
    version = waiting_version(workspace_id, key) or ModelVersion.current(workspace_id, key)
    if version is None:
        keys = ModelVersion.currents(workspace_id).order_by("key").values_list("key", flat=True).distinct()
        raise Refusal(gettext("no model `%(key)s` is in force") % {"key": key}, nearest(key, sorted(keys)))
    return version


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
        temperature=temperature_as_of(under.version, read, lead_id=under.lead_id, total=row["shown_total"], at=at),
        grade=row["grade"],
        next_change_at=row["next_change_at"],
    )
