"""The record of processing activities (art. 30 GDPR), drawn up from what the workspace really does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cultiva.accounts.models import Membership
from cultiva.consent.jurisdictions import Jurisdiction
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.consent.notices import PROFILING, bases_of
from cultiva.consent.rules import Rules, rules_of
from cultiva.events.models import EventSource
from cultiva.leads.models import Attribute
from cultiva.lib.languages import reader_language
from cultiva.scoring.models import ModelVersion

Json = dict[str, Any]


@dataclass(frozen=True)
class Activity:
    """One thing that is done with data of people; every text in the reader's language."""

    name: str
    purpose: str
    basis: str
    people: str
    data: Sequence[str]
    recipients: Sequence[str]
    kept: str


@dataclass(frozen=True)
class ProcessingRecord:
    """`controller`: as the policy names it ({name, address, email, dpo_email}), empty before there is one; `told`: the
    policy's first layer, [[term, text], ..]: what it says of recipients and transfers holds for all activities."""

    drawn_up_at: datetime
    law: str
    controller: Json
    activities: Sequence[Activity]
    told: Sequence[Sequence[str]]
    measures: Sequence[str]


def processing_record(*, workspace_id: int, at: datetime, label: Callable[[str], str] = str) -> ProcessingRecord:
    """`label`: what readers call an attribute that the workspace gave no name."""
    policy = PolicyVersion.currents(workspace_id).first()
    rules = rules_of(workspace_id)
    body: Json = policy.body if policy else {"controller": {}, "profiling": "none", "languages": {}}
    return ProcessingRecord(
        drawn_up_at=at,
        law=_said(rules.jurisdiction.laws),
        controller=body["controller"],
        activities=_activities(workspace_id, body["profiling"], rules, label),
        told=_said(body["languages"])["first_layer"] if body["languages"] else [],
        measures=_measures(),
    )


def _said(texts: Any) -> Any:
    return texts.get(reader_language()) or next(iter(texts.values()))


def _activities(workspace_id: int, profiling: str, rules: Rules, label: Callable[[str], str]) -> list[Activity]:
    leads = _("People who gave their data: leads and customers")
    attributes = _attributes(workspace_id, label)
    evidence = _("Evidence of consent: text shown, time, page, IP address and browser")
    team = _team(workspace_id)
    mail = _mail_server()
    made = [
        Activity(
            _("Answering what people ask for"),
            _("To deliver content, quotes and other things asked for, and to go on with a contract"),
            _("Steps at the person's request before a contract, and the contract (art. 6.1.b)"),
            leads, [*attributes, evidence], [team, mail], _kept(rules),
        )
    ]  # fmt: skip
    for purpose in PurposeVersion.currents(workspace_id).order_by("key"):
        if purpose.key == PROFILING:
            continue
        asked = _said(purpose.body["languages"])["label"]
        bases = [_basis_words(basis) for basis in bases_of(purpose.body)]
        kept = _("Until the consent is withdrawn; the proof stays")
        made.append(Activity(purpose.key, asked, "; ".join(bases), leads, [*attributes, evidence], [team, mail], kept))
    if profiling != "none":
        models = [model.name for model in ModelVersion.currents(workspace_id).order_by("key")]
        made.append(
            Activity(
                _("Profiles and scores"),
                _("To tell how near a person is to buying: %(models)s") % {"models": ", ".join(models) or "–"},
                _("Consent (art. 6.1.a)") if profiling == "consent" else _("Legitimate interest (art. 6.1.f)"),
                leads, [*attributes, _("What they did: visits, downloads, answers")], [team],
                _("Until the person objects, and no longer than the person is kept"),
            )
        )  # fmt: skip
    return [*made, *_visits(workspace_id, team), _rights(rules.jurisdiction, team)]


def _visits(workspace_id: int, team: str) -> list[Activity]:
    """One for each site, app or system that tells of people."""
    found = EventSource.objects.filter(workspace_id=workspace_id, stopped_at=None).order_by("key")
    return [
        Activity(
            _("Events of %(source)s") % {"source": source.name},
            _("To know what people read and do"),
            source.basis_note or (
                _("Consent to tracking, asked for on the site") if source.requires_tracking_consent
                else _("As the site that sends them asked for it")
            ),
            _("Visitors, and leads once they are known"),
            [_("Pages, clicks and other events, with time, campaign and browser")], [team],
            _("As long as the lead; of unknown visitors until their months are deleted"),
        )
        for source in found
    ]  # fmt: skip


def _rights(law: Jurisdiction, team: str) -> Activity:
    return Activity(
        _("Requests by the rights of people"),
        _("To answer who wants to see, correct, erase or take along their data, or objects"),
        _("Legal obligation (art. 6.1.c): %(laws)s") % {"laws": _said(law.laws)},
        _("Whoever asks"),
        [_("What they asked, how it was answered, and the evidence of it")], [team],
        _("As proof that the request was answered; an erasure empties the texts"),
    )  # fmt: skip


def _kept(rules: Rules) -> str:
    days, months = rules.unconfirmed_days, rules.inactive_months
    unconfirmed = ngettext(
        "Who does not prove their address is erased after %(count)d day.",
        "Who does not prove their address is erased after %(count)d days.",
        days,
    ) % {"count": days}
    if not months:
        others = _("No period is set for the others.")
        return f"{unconfirmed} {others}"
    inactive = ngettext(
        "Who does nothing for %(count)d month is erased, customers excepted.",
        "Who does nothing for %(count)d months is erased, customers excepted.",
        months,
    ) % {"count": months}
    return f"{unconfirmed} {inactive}"


def _attributes(workspace_id: int, label: Callable[[str], str]) -> list[str]:
    """What is known of people, in the words of the workspace."""
    found = Attribute.objects.filter(workspace_id=workspace_id, subject="lead").order_by("label", "key")
    return [_("E-mail address, telephone"), *(each.label or label(each.key) for each in found)]


def _team(workspace_id: int) -> str:
    count = Membership.objects.filter(workspace_id=workspace_id).count()
    return ngettext("%(count)d person of the team", "%(count)d people of the team", count) % {"count": count}


def _mail_server() -> str:
    smtp = settings.CONFIG.smtp
    return _("Mail server %(host)s") % {"host": smtp.host} if smtp else _("No mail server: mails stay in the product")


def _basis_words(basis: str) -> str:
    return {
        "consent": _("Consent (art. 6.1.a)"),
        "contract": _("Contract (art. 6.1.b)"),
        "soft_opt_in": _("A purchase, for one's own similar products (soft opt-in)"),
        "legitimate_interest": _("Legitimate interest (art. 6.1.f)"),
    }[basis]


def _measures() -> list[str]:
    """What the product does to protect them (art. 32); the company adds its own."""
    return [
        _("Each workspace's data are set apart in the database itself, by row-level security"),
        _("Roles: each person of the team sees and changes what their task needs; an analyst sees masked data"),
        _("Consents can be added to and never changed; their chains are sealed and can be verified"),
        _("Passwords and keys are stored as hashes, secrets of connectors encrypted"),
        _("Acts of the team stand in an audit log that cannot be changed"),
        _("Erasures reach every table, the archive and the files; backups are the company's own task"),
    ]
