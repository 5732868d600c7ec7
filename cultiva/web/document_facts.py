"""Models and workflows told for their pages: rules in words, limits, the steps of a graph."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cultiva.criteria.language import say
from cultiva.insights.scores import score_distribution
from cultiva.lib.languages import reader_language
from cultiva.nurture.actions import WorkflowCounts
from cultiva.nurture.document import Branch, Exit, Wait, WorkflowNode, read_workflow, targets
from cultiva.nurture.models import WorkflowVersion
from cultiva.scoring.model import Bounds, Rule, ScoringModel
from cultiva.scoring.models import ModelVersion
from cultiva.web.charts import bars
from cultiva.web.diagram import Box
from cultiva.web.templatetags.ui import amount, duration


def model_facts(version: ModelVersion) -> dict[str, Any]:
    """{sides: [{title, text, rules}], limits: [(name, text)], chart, chart_rows} for the page of a model."""
    model = ScoringModel.read(version.body)
    sides = [
        ("predictive", _("Predictive points"), _("From what the lead told us.")),
        ("retrospective", _("Retrospective points"), _("From what the lead did.")),
    ]
    rows = score_distribution(workspace_id=version.workspace_id, model_id=version.id)
    labels = [str(row["low"]) for row in rows]
    counts = [row["leads"] for row in rows]
    return {
        "sides": [
            {"title": title, "text": text, "rules": [rule_facts(r) for r in model.rules if r.side == side]}
            for side, title, text in sides
        ],
        "limits": list(limits(model)),
        "chart": bars(labels, counts, title=_("Leads by score")),
        "chart_rows": [(f"{row['low']}–{row['high']}", row["leads"]) for row in rows],
    }


def rule_facts(rule: Rule) -> dict[str, Any]:
    return {
        "words": rule.words(reader_language()),
        "dimension": rule.dimension,
        "points": rule.points,
        "notes": " · ".join(notes(rule)),
    }


COUNTS = {
    "each": lambda: _("each time"),
    "once": lambda: _("once"),
    "last": lambda: _("the last time"),
    "per_day": lambda: _("once a day"),
    "per_distinct": lambda: _("once for each different one"),
}


def notes(rule: Rule) -> list[str]:
    """How it counts, fades and is capped."""
    said = [COUNTS[rule.count]()] if rule.count else []
    if rule.ageing:
        days = amount(rule.ageing.days)
        said.append({
            "half_life": _("halves every %(days)s days") % {"days": days},
            "linear": _("fades within %(days)s days") % {"days": days},
            "expires": _("expires after %(days)s days") % {"days": days},
        }[rule.ageing.kind])  # fmt: skip
    bounds = in_words(rule.bounds)
    return said + ([bounds] if bounds else [])


def in_words(bounds: Bounds) -> str:
    if bounds.min is not None and bounds.max is not None:
        return _("from %(low)s to %(high)s") % {"low": amount(bounds.min), "high": amount(bounds.max)}
    if bounds.max is not None:
        return _("at most %(high)s") % {"high": amount(bounds.max)}
    return _("at least %(low)s") % {"low": amount(bounds.min)} if bounds.min is not None else ""


def limits(model: ScoringModel) -> list[tuple[str, str]]:
    facts = [(d.name.capitalize(), in_words(d.bounds) or _("unlimited")) for d in model.dimensions]
    facts.append((_("Total"), in_words(model.total) or _("unlimited")))
    if model.temperature:
        facts.append((_("Warm"), _("from %(points)s points") % {"points": amount(model.temperature.warm)}))
        facts.append((_("Hot"), _("from %(points)s points") % {"points": amount(model.temperature.hot)}))
    for name, grade in ((_("Grade"), model.grade), (_("Grade of interest"), model.interest_grade)):
        if grade:
            text = ", ".join(f"{step} ≥ {amount(limit)}" for step, limit in grade.limits.items())
            facts.append((name, f"{grade.dimension}: {text}"))
    if model.goal:
        facts.append((_("Goal"), model.goal))
    return facts


def workflow_boxes(version: WorkflowVersion, counts: WorkflowCounts) -> dict[str, Box]:
    """{node: Box} in the document's order."""
    inside = {each.node: each.inside for each in counts.nodes}
    workflow = read_workflow(version.body)
    return {
        key: Box(
            key=key, kind=kind_of(node), words=step_words(node), inside=inside.get(key, 0),
            targets=[(target, label) for (_way, target), label in zip(targets(node), ways(node), strict=True)],
        )
        for key, node in workflow.nodes.items()
    }  # fmt: skip


def kind_of(node: WorkflowNode) -> str:
    return getattr(node, "kind", type(node).__name__.lower())


def step_words(node: WorkflowNode) -> str:
    if isinstance(node, Wait):
        return _("Wait %(span)s") % {"span": duration(node.seconds)}
    if isinstance(node, Branch):
        return ngettext("%(n)d way, or else", "%(n)d ways, or else", len(node.arms)) % {"n": len(node.arms)}
    if isinstance(node, Exit):
        return _("The end")
    return _("Send the mail %(template)s") % {"template": node.settings.get("template", "")}


def ways(node: WorkflowNode) -> list[str]:
    """What stands on each arrow, in the order of `targets`."""
    if isinstance(node, Branch):
        return [_short(say(arm.when, reader_language())) for arm in node.arms] + [_("or else")]
    return [""] * len(targets(node))


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:29].rstrip() + "…"
