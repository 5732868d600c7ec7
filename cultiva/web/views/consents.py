"""Consents: of one lead with their proof, and of the whole workspace."""

from dataclasses import fields
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.models import Role
from cultiva.consent.actions import withdraw
from cultiva.consent.bundle import prove
from cultiva.consent.deciding import decide_everybody
from cultiva.consent.models import ConsentMark, PurposeVersion
from cultiva.consent.notices import bases_of
from cultiva.consent.receipts import receipt_token
from cultiva.consent.showing import acts_of, standings_of
from cultiva.consent.standing import (
    BY_STAFF,
    Purchase,
    record_contract,
    record_guardian,
    record_informed,
    record_soft_opt_in,
    release,
    restrict,
    stop_marketing,
)
from cultiva.consent.verifying import verify_chain
from cultiva.insights.consents import consent_report
from cultiva.leads.aliases import current_lead_id
from cultiva.leads.models import Lead
from cultiva.mailing.informing import informings_of, late_to_be_told
from cultiva.web.charts import bars
from cultiva.web.staff import EVERYDAY, StaffRequest, not_your_role, staff_screen
from cultiva.web.views.leads import mask
from cultiva.web.words import BASIS_LABELS, CHANNEL_LABELS, refusal

MAY_PROVE = frozenset({Role.OWNER, Role.MARKETING, Role.PRIVACY})
SOURCES = {
    "form": gettext_lazy("Form"), "import": gettext_lazy("Import"), "api": gettext_lazy("API"),
    "manual": gettext_lazy("By hand"), "event": gettext_lazy("Event"), "ads": gettext_lazy("Adverts"),
    "webhook": gettext_lazy("Webhooks"),
}  # fmt: skip


def act_words() -> dict[str, str]:
    return {
        "policy_accepted": _("accepted the policy"), "given": _("gave consent"), "withdrawn": _("withdrew consent"),
        "confirmed": _("confirmed the address"), "objected": _("wants no marketing"), "restricted": _("restricted"),
        "released": _("restriction ended"), "blocked": _("erased"), "minor": _("is a minor"),
        "guardian_consented": _("a parent or guardian agreed"),
        "informed": _("was told where their data come from"), "contract": _("has a contract"),
        "soft_opt_in": _("bought"), "imported_with_proof": _("imported with a proof"),
        "imported_declared": _("imported, declared by a named person"),
        "imported_contract": _("imported as a customer"),
    }  # fmt: skip


def payload_words() -> dict[str, str]:
    return {
        "action": _("How"), "form": _("Form"), "form_version": _("Version of the form"), "page_url": _("Page"),
        "referrer": _("Came from"), "ip": _("IP address"), "user_agent": _("Browser"), "received_at": _("Received on"),
        "checkbox_id": _("Box"), "checkbox_default": _("Ticked beforehand"), "proof_level": _("Level of proof"),
        "policy": _("Policy"), "policy_version": _("Version of the policy"), "policy_language": _("Language"),
        "policy_text_sha256": _("SHA-256 of the text"), "checkbox_label_sha256": _("SHA-256 of the words"),
        "rendered_html_sha256": _("SHA-256 of what was shown"), "session_sha256": _("SHA-256 of the session"),
        "purpose_version": _("Version of the purpose"), "doi_requested_at": _("Confirmation asked for"),
        "doi_ip": _("IP address of the confirmation"), "doi_user_agent": _("Browser of the confirmation"),
        "doi_token_sha256": _("SHA-256 of the link"), "given_at": _("Ticked"), "language": _("Language"),
    }  # fmt: skip


def condition_words() -> list[tuple[str, str]]:
    return [
        ("sale", _("Contract, order or invoice")), ("sold_by", _("Sold by, the company itself")),
        ("products", _("What they bought")), ("obtained_by", _("How they gave the address")),
        ("opt_out_at_collection", _("How they could refuse, then")),
        ("opt_out_in_messages", _("How they can refuse in each message")),
    ]  # fmt: skip


@require_safe
@staff_screen()
def lead_proof(request: StaffRequest, lead_id: int) -> HttpResponse:
    """Show the proof: every act with the exact text it was about."""
    staff, lead = request.staff, find_lead(request, lead_id)
    if isinstance(lead, HttpResponse):
        return lead
    words, names = act_words(), payload_words()
    hidden = {"checkbox_label_text"} | (
        set() if staff.sees_personal_data else {"ip", "user_agent", "doi_ip", "page_url"}
    )
    acts = [
        {
            "act": act,
            "words": words.get(act.evidence.act, act.evidence.act),
            "channel": CHANNEL_LABELS.get(act.evidence.channel, act.evidence.channel),
            "facts": [
                (names.get(name, name), _said(value))
                for name, value in sorted(act.payload.items())
                if name not in hidden
            ],
        }
        for act in reversed(acts_of(lead.workspace_id, lead.id))
    ]
    standings: list[dict[str, Any]] = [
        {
            "standing": each,
            "channel": CHANNEL_LABELS[each.channel],
            "basis": BASIS_LABELS.get(each.decision.basis, each.decision.basis),
            "refusal": refusal(each.decision.reason),
        }
        for each in standings_of(lead.workspace_id, lead.id, staff.at)
    ]
    informing = informings_of(workspace_id=lead.workspace_id, lead_ids=[lead.id]).get(lead.id)
    context = {
        "page_title": _("Proof of consent"),
        "lead": lead,
        "name": lead.full_name if staff.sees_personal_data else mask(lead.full_name),
        "acts": acts,
        "standings": standings,
        "chain": verify_chain(workspace_id=lead.workspace_id, lead_id=lead.id),
        "receipt_token": receipt_token(lead.workspace_id, lead.id) if staff.sees_personal_data else "",
        "may_prove": staff.role in MAY_PROVE,
        "may_change": staff.role in EVERYDAY | MAY_PROVE,
        "conditions": condition_words(),
        "mark": ConsentMark.objects.filter(workspace_id=lead.workspace_id, lead_id=lead.id).first(),
        "soft_purposes": [each for each in standings if "soft_opt_in" in bases_of(each["standing"].purpose.body)],
        "informing": informing,
        "source": SOURCES.get(informing.source_kind, informing.source_kind) if informing else "",
        "is_late": informing and informing.told_at is None and informing.due_on < staff.at.date(),
        "now": staff.at,
    }
    return render(request, "web/lead_proof.html", context)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)


@require_POST
@staff_screen(posts=EVERYDAY | MAY_PROVE)
def change(request: StaffRequest, lead_id: int) -> HttpResponse:
    """What staff are told: a withdrawal, a contract, a purchase, a guardian's word."""
    staff, lead = request.staff, find_lead(request, lead_id)
    if isinstance(lead, HttpResponse):
        return lead
    given = request.POST
    of_lead: dict[str, Any] = {"workspace_id": staff.workspace.id, "lead_id": lead.id, "at": staff.at}
    what = given.get("what", "")
    try:
        if what == "withdraw":
            version = find_purpose(request)
            withdraw(
                purpose=version.key, channel=version.body["channel"], circumstances=BY_STAFF, by="staff", **of_lead
            )
        elif what == "stop":
            stop_marketing(by="staff", **of_lead)
        elif what == "contract":
            record_contract(contract=given.get("contract", ""), **of_lead)
        elif what in ("restrict", "release"):
            (restrict if what == "restrict" else release)(reason=given.get("reason", ""), by="staff", **of_lead)
        elif what == "guardian":
            record_guardian(guardian=given.get("guardian", ""), circumstances=BY_STAFF, **of_lead)
        elif what == "informed":
            record_informed(how=given.get("how", ""), **of_lead)
        elif what == "purchase":
            version = find_purpose(request)
            bought = Purchase(**{each.name: given.get(each.name, "") for each in fields(Purchase)})
            record_soft_opt_in(purpose=version.key, channel=version.body["channel"], purchase=bought, **of_lead)
        else:
            raise Http404
    except ValueError as error:
        messages.error(request, str(error).replace("\nhint: ", " "))
    else:
        messages.success(request, _("Recorded, with its proof."))
    return redirect("web:lead_proof", lead_id=lead.id)


def find_purpose(request: StaffRequest) -> PurposeVersion:
    version = PurposeVersion.current(request.staff.workspace.id, request.POST.get("purpose", ""))
    if version is None:
        raise Http404
    return version


@require_safe
@staff_screen()
def lead_bundle(request: StaffRequest, lead_id: int) -> HttpResponse:
    """The signed ZIP. Whoever takes it stands in the audit log."""
    staff, lead = request.staff, find_lead(request, lead_id)
    if staff.role not in MAY_PROVE:
        return not_your_role(request)
    if isinstance(lead, HttpResponse):
        return lead
    content = prove(workspace_id=staff.workspace.id, lead_id=lead.id, at=staff.at, by=staff.actor)
    answer = HttpResponse(content, content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="consent-{lead.id}.zip"'
    return answer


def find_lead(request: StaffRequest, lead_id: int) -> Lead | HttpResponse:
    workspace_id = request.staff.workspace.id
    lead = Lead.objects.filter(workspace_id=workspace_id, id=lead_id).first()
    if lead is None:
        raise Http404
    if lead.merged_into_id is not None:
        return redirect("web:lead_proof", lead_id=current_lead_id(workspace_id, lead_id))
    return lead


@require_safe
@staff_screen()
def overview(request: StaffRequest) -> HttpResponse:
    """Valid, waiting, withdrawn: by source and over time."""
    staff = request.staff
    source = request.GET.get("source", "") if request.GET.get("source", "") in SOURCES else ""
    report = consent_report(
        workspace_id=staff.workspace.id, time_zone=staff.workspace.time_zone, at=staff.at, source=source
    )
    weeks = [formats.date_format(row["week"], "j M") for row in report.by_week]
    context = {
        "page_title": _("Consents"),
        "sources": [(row, SOURCES.get(row["source_kind"], row["source_kind"])) for row in report.by_source],
        "source": source,
        "charts": [
            (title, bars(weeks, [row[name] for row in report.by_week], title=title))
            for name, title in (
                ("valid", _("Became valid, a week")), ("given", _("Gave a consent, a week")),
                ("withdrawn", _("Withdrew, a week")),
            )
        ],
        "headings": [_("Week"), _("Became valid"), _("Gave a consent"), _("Withdrew")],
        "week_rows": [
            [week, row["valid"], row["given"], row["withdrawn"]]
            for week, row in zip(weeks, report.by_week, strict=True)
        ],
    }  # fmt: skip
    return render(request, "web/consents.html", context)


@require_safe
@staff_screen()
def decisions(request: StaffRequest) -> HttpResponse:
    """How many may be contacted for each purpose, and why the others not: asked for once the page is there."""
    staff = request.staff
    rows = []
    for purpose in PurposeVersion.currents(staff.workspace.id):
        counted = decide_everybody(
            workspace_id=staff.workspace.id, purpose=purpose.key, channel=purpose.body["channel"], at=staff.at
        )
        allowed = [(BASIS_LABELS.get(basis, basis), n) for (reason, basis), n in counted.items() if not reason]
        refused = [(refusal(reason), n) for (reason, _basis), n in counted.items() if reason]
        rows.append({
            "purpose": purpose, "channel": CHANNEL_LABELS[purpose.body["channel"]], "allowed": allowed,
            "count": sum(n for _label, n in allowed), "refused": sorted(refused, key=lambda each: -each[1]),
        })  # fmt: skip
    late = late_to_be_told(workspace_id=staff.workspace.id, at=staff.at)
    leads = Lead.objects.filter(workspace_id=staff.workspace.id).in_bulk(late.lead_ids)
    waiting = [
        (lead, lead.full_name if staff.sees_personal_data else mask(lead.full_name))
        for lead in (leads[lead_id] for lead_id in late.lead_ids)
    ]
    return render(request, "web/_consent_decisions.html", {"rows": rows, "late": late, "waiting": waiting})
