"""Why a score is what it is, as the profile and the API show it: the parts add up to the total."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cultiva.criteria.words import attribute_words
from cultiva.lib.languages import reader_language
from cultiva.scoring.explanation import Displayed, ExplainedRule, Explanation, displayed
from cultiva.scoring.outlook import Change, Outlook, Proposal, Step

TELLING = ("path", "url", "asset", "form", "network", "value")  # properties that say which one it was


@dataclass(frozen=True)
class Reason:
    """One rule's line, its points in tenths."""

    words: str
    points: Decimal
    events: list[tuple[str, datetime, float | None]]  # (what, when, present weight), latest first
    more_events: int
    next_change_at: datetime | None


@dataclass(frozen=True)
class Side:
    """What the lead told (predictive) or did (retrospective), with its subtotal before caps."""

    key: str
    title: str
    text: str
    subtotal: Decimal
    reasons: list[Reason]
    silent: int  # rules that give nothing now


@dataclass(frozen=True)
class Reasons:
    total: Decimal
    sides: list[Side]
    cuts: list[tuple[str, Decimal]]  # what caps took away, where they did
    dimensions: list[dict[str, Any]]  # {name, value, min, max}
    next_change_at: datetime | None


def reasons_of(explanation: Explanation, limits: dict[str, tuple[float, float]]) -> Reasons:
    """`limits`: {dimension: (min, max)} for its bar."""
    shown = displayed(explanation)
    return Reasons(
        total=shown.total,
        sides=[_side(key, explanation, shown) for key in ("predictive", "retrospective")],
        cuts=cuts_of(shown),
        dimensions=[
            {"name": d.name.capitalize(), "value": d.shown, "min": limits[d.name][0], "max": limits[d.name][1]}
            for d in explanation.dimensions
        ],
        next_change_at=explanation.next_change_at,
    )


def _side(key: str, explanation: Explanation, shown: Displayed) -> Side:
    title, text = {
        "predictive": (_("Predictive"), _("from what they told us")),
        "retrospective": (_("Retrospective"), _("from what they did")),
    }[key]
    rules = [rule for rule in explanation.rules if rule.side == key]
    reasons = [_reason(rule, shown.rules[rule.key]) for rule in rules]
    telling = sorted((r for r in reasons if r.points), key=lambda r: -abs(r.points))
    subtotal = sum((shown.rules[rule.key] for rule in rules), Decimal(0))
    return Side(key, title, text, subtotal, telling, len(reasons) - len(telling))


def _reason(rule: ExplainedRule, points: Decimal) -> Reason:
    events = [(what_of(event.name, event.properties), event.occurred_at, event.weight) for event in rule.events[:8]]
    return Reason(
        words=rule.words[reader_language()],
        points=points,
        events=events,
        more_events=rule.event_count - len(events),
        next_change_at=rule.next_change_at,
    )


def what_of(name: str, properties: dict[str, Any]) -> str:
    """An event in a few words: its name and the property that says which one it was."""
    told = next((str(properties[key]) for key in TELLING if properties.get(key)), "")
    return f"{name} {told}".strip()


def cuts_of(shown: Displayed) -> list[tuple[str, Decimal]]:
    """What caps took away, in words, where they did."""
    cuts = [
        (_("Limit of %(dimension)s") % {"dimension": name}, cut) for name, cut in shown.dimension_cuts.items() if cut
    ]
    return cuts + ([(_("Limit of the total"), shown.cut)] if shown.cut else [])


@dataclass(frozen=True)
class SaidChange:
    at: datetime
    points: Decimal
    words: str  # what changes, and why
    total: Decimal  # that shows then


@dataclass(frozen=True)
class SaidProposal:
    words: str
    gain: Decimal
    total: Decimal  # that would show
    reaches: bool  # the next band


def said_changes(outlook: Outlook) -> list[SaidChange]:
    """Soonest first."""
    return [
        SaidChange(each.at, _tenth(each.points), _change_words(each), _tenth(each.total)) for each in outlook.changes
    ]


def _change_words(change: Change) -> str:
    words = change.rule.words[reader_language()]
    if change.is_gradual:
        return _("%(rule)s: it fades with time") % {"rule": words}
    if change.event is None:
        return _("%(rule)s: the time that the rule asks for is over") % {"rule": words}
    what = what_of(change.event.name, change.event.properties)
    day = date_format(timezone.localtime(change.event.occurred_at), "SHORT_DATE_FORMAT")
    return _("%(rule)s: “%(what)s” of %(day)s expires") % {"rule": words, "what": what, "day": day}


def said_proposals(explanation: Explanation, outlook: Outlook) -> list[SaidProposal]:
    """What reaches the next band first; each on its own."""
    return [
        SaidProposal(
            _proposal_words(each), _tenth(each.total - explanation.shown_total), _tenth(each.total), each.reaches
        )
        for each in outlook.proposals
    ]


def _proposal_words(proposal: Proposal) -> str:
    return _(" and ").join(_step_words(step) for step in proposal.steps)


def _step_words(step: Step) -> str:
    words, parts = step.rule.words[reader_language()], list[str]()
    if step.told:
        listed = ", ".join(attribute_words(name, reader_language()) for name in step.told)
        parts.append(_("we learn %(attributes)s") % {"attributes": listed})
    if step.times:
        parts.append(
            ngettext("%(count)d more event of this kind", "%(count)d more events of this kind", step.times)
            % {"count": step.times}
        )
    return f"{words} ({', '.join(parts)})" if parts else words


def _tenth(points: float) -> Decimal:
    return round(Decimal(points), 1)
