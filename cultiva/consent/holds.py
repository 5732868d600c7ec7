"""What a merge makes of two people's consents: the stricter holds, nothing is lost, no proof proves another address.

Each lead's chain of evidence stays whole. What the kept lead takes over is an act of its own chain, `action: merge`,
whose payload names the merged lead's evidence.

- A withdrawal, objection or suppression of either holds for the kept lead.
- A consent of the merged lead survives where the kept lead said nothing to the contrary. If the merged lead had proven
  it, it keeps its date, so that a proof of the kept lead's own address since then counts; else it dates from the merge.
- A confirmation proves an address: it comes along only with the address.
- After an undo each lead has what its own evidence says; a withdrawal or suppression since the merge holds for both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from cultiva.consent.acts import tell_acts
from cultiva.consent.deciding import address_hash
from cultiva.consent.evidence import MERGE, Act, Circumstances, record_acts
from cultiva.consent.models import ConsentMark, ConsentState, Evidence, Suppression
from cultiva.consent.notices import PROFILING
from cultiva.leads.models import Lead
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.holds import Change, Glance, Hold, Line, Pair, by_another, move, put_back, stay, union
from cultiva.lib.persons import Fate, Person, Place, keep

OBJECTIONS = ("objection", "complaint", "manual")  # suppressions that are the person's will, whatever the address
WITHDRAWN, GIVEN = "withdrawn", "given"


@dataclass(frozen=True)
class Standing:
    """What holds for one lead before the merge."""

    lead: Lead
    mark: ConsentMark
    states: dict[tuple[str, str], ConsentState]
    suppression: Suppression | None

    def has_proven(self, state: ConsentState) -> bool:
        return self.mark.confirmed_since is not None and self.mark.confirmed_since >= state.since


def join_consents(pair: Pair, hold: Hold) -> None:
    pair.notes["last_evidence"] = _last_ordinal(pair)  # what comes after it is said since the merge
    kept, merged = _standing(pair, pair.kept_id), _standing(pair, pair.merged_id)
    takes_address = kept.lead.email_key is None and merged.lead.email_key is not None
    taken = [state for key, state in sorted(merged.states.items()) if _is_taken(state, kept.states.get(key), merged)]
    acts = [Act(state.state, state.purpose, state.channel, _naming(pair.merged_id, state.evidence)) for state in taken]
    if merged.mark.valid_since and not kept.mark.valid_since:
        acts.insert(0, Act("policy_accepted", payload=_naming_last(pair.merged_id, "policy_accepted")))
    if merged.mark.confirmed_since and takes_address:
        acts.append(Act("confirmed", payload=_naming_last(pair.merged_id, "confirmed")))
    if acts:
        _record(pair, pair.kept_id, acts)
        proven = [state.id for state in taken if state.state == GIVEN and merged.has_proven(state)]
        execute(load_sql("consent", "keep_dates"), pair.parameters | {"states": proven})
    if merged.mark.pk:
        _join_marks(pair, kept.mark, merged.mark, takes_address)
    _join_suppressions(pair, kept, merged)


def _is_taken(theirs: ConsentState, ours: ConsentState | None, merged: Standing) -> bool:
    if theirs.state == WITHDRAWN:
        return ours is None or ours.state != WITHDRAWN
    erased = merged.suppression if merged.suppression and merged.suppression.reason == "erasure" else None
    return ours is None and not (erased and theirs.since <= erased.created_at)


def _join_marks(pair: Pair, kept: ConsentMark, merged: ConsentMark, takes_address: bool) -> None:
    is_against = kept.objected_at or merged.objected_at
    ConsentMark.objects.update_or_create(
        workspace_id=pair.workspace_id,
        lead_id=pair.kept_id,
        defaults={
            "valid_since": kept.valid_since or merged.valid_since,
            "confirmed_since": merged.confirmed_since if takes_address else kept.confirmed_since,
            "profiled_since": None if is_against else kept.profiled_since or merged.profiled_since,
            "objected_at": kept.objected_at or merged.objected_at,
            "stopped_at": _later(kept.stopped_at, merged.stopped_at),
            "restricted_at": kept.restricted_at or merged.restricted_at,
            "blocked_at": kept.blocked_at or merged.blocked_at,
            "minor_until": _later(kept.minor_until, merged.minor_until),
            "guardian_since": _guardian_of_both(kept, merged),
        },
    )


def _later(ours: Any, theirs: Any) -> Any:
    return max(ours, theirs) if ours and theirs else ours or theirs


def _guardian_of_both(kept: ConsentMark, merged: ConsentMark) -> datetime | None:
    """Whoever of the two is a minor needs one."""
    minors = [mark for mark in (kept, merged) if mark.minor_until]
    agreed = [mark.guardian_since for mark in minors]
    return max(each for each in agreed if each) if agreed and all(agreed) else None


def _join_suppressions(pair: Pair, kept: Standing, merged: Standing) -> None:
    """Who asked not to be written to at one address is not written to at the other."""
    if merged.suppression and merged.suppression.reason in OBJECTIONS and kept.lead.email_key:
        before, after = _suppress_too(pair, kept.lead.email_key, merged.suppression.reason)
        if after:
            pair.more.append(Change("suppression", after["id"], before, after))


def _suppress_too(pair: Pair, email_key: str, reason: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """(the row before, the row after) of an address; (None, None) where nothing had to change."""
    rows = fetch_all(
        load_sql("consent", "suppress_too"),
        {"workspace": pair.workspace_id, "hash": address_hash(email_key), "reason": reason, "at": pair.at},
    )
    return (rows[0]["before"], rows[0]["after"]) if rows else (None, None)


def join_confirmations(pair: Pair, hold: Hold) -> None:
    """A link that proves the merged lead's address goes on proving that one, whoever has it."""
    if Lead.objects.filter(workspace_id=pair.workspace_id, id=pair.kept_id, email_key=None).exists():
        move(pair, hold)


def part_marks(pair: Pair, hold: Hold, changes: Sequence[Change]) -> None:
    put_back(pair, hold, changes)
    is_objection = ConsentMark.objects.filter(
        workspace_id=pair.workspace_id, lead_id=pair.kept_id, objected_at__gt=pair.merged_at
    ).exists()
    if is_objection:  # without an act of its own, as in data that was filled in
        ConsentMark.objects.filter(workspace_id=pair.workspace_id, lead_id=pair.merged_id, objected_at=None).update(
            objected_at=pair.at, profiled_since=None
        )


def part_states(pair: Pair, hold: Hold, changes: Sequence[Change]) -> None:
    """A will of before comes back; what the person withdrew since holds for both."""
    put_back(pair, hold, changes)
    last = {"last": pair.notes.get("last_evidence", 0)}
    since = fetch_all(load_sql("consent", "withdrawn_since"), pair.parameters | last)
    for lead_id in (pair.kept_id, pair.merged_id):
        standing = _standing(pair, lead_id)
        acts = [
            Act(WITHDRAWN, row["purpose"], row["channel"], {"merged_lead": pair.kept_id, "merged_evidence": row["id"]})
            for row in since
            if getattr(standing.states.get((row["purpose"], row["channel"])), "state", "") != WITHDRAWN
        ]
        if acts:
            _record(pair, lead_id, acts, action="unmerge")


def part_suppressions(pair: Pair, hold: Hold, changes: Sequence[Change]) -> None:
    put_back(pair, hold, changes)
    kept, merged = _standing(pair, pair.kept_id), _standing(pair, pair.merged_id)
    now = kept.suppression
    if now and now.reason in OBJECTIONS and now.created_at >= pair.merged_at and merged.lead.email_key:
        _suppress_too(pair, merged.lead.email_key, now.reason)


def _standing(pair: Pair, lead_id: int) -> Standing:
    of_lead = {"workspace_id": pair.workspace_id, "lead_id": lead_id}
    lead = Lead.objects.get(workspace_id=pair.workspace_id, id=lead_id)
    states = ConsentState.objects.filter(**of_lead).select_related("evidence")
    address = address_hash(lead.email_key) if lead.email_key else ""
    return Standing(
        lead=lead,
        mark=ConsentMark.objects.filter(**of_lead).first() or ConsentMark(),
        states={(state.purpose, state.channel): state for state in states},
        suppression=Suppression.objects.filter(workspace_id=pair.workspace_id, address_hash=address).first(),
    )


def _record(pair: Pair, lead_id: int, acts: Sequence[Act], *, action: str = MERGE) -> None:
    objects = any(act.purpose == PROFILING and act.act == WITHDRAWN for act in acts)
    recorded = record_acts(
        workspace_id=pair.workspace_id,
        lead_id=lead_id,
        acts=acts,
        circumstances=Circumstances(action=action),
        at=pair.at,
        profiling="objected" if objects else "",
    )
    # Not an act of the person, now: no rule counts it and no workflow begins by it.
    tell_acts(
        pair.workspace_id, lead_id, recorded, pair.at, by="staff", actor="machine", more={"merge": pair.merge_id},
        events=pair.events,
    )  # fmt: skip


def _last_ordinal(pair: Pair) -> int:
    chain = Evidence.objects.filter(workspace_id=pair.workspace_id, lead_id=pair.kept_id)
    return chain.order_by("-ordinal").values_list("ordinal", flat=True).first() or 0


def _naming(lead_id: int, evidence: Evidence) -> dict[str, Any]:
    return {
        "merged_lead": lead_id,
        "merged_evidence": evidence.id,
        "merged_evidence_hash": evidence.hash,
        "merged_occurred_at": _said(evidence.occurred_at),
    }


def _naming_last(lead_id: int, act: str) -> dict[str, Any]:
    found = Evidence.objects.filter(lead_id=lead_id, act=act).order_by("-ordinal").first()
    return _naming(lead_id, found) if found else {"merged_lead": lead_id}


def _said(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds")


MARKS = {
    "valid_since": (_("Accepted the policy"), _("Accepted by either is accepted.")),
    "confirmed_since": (_("Confirmed the address"), _("It proves one address, and counts where that one stays.")),
    "objected_at": (_("Objected to profiling"), _("An objection of either holds.")),
}  # fmt: skip
STATE_WORDS = {"given": _("given"), "withdrawn": _("withdrawn"), "": ""}


def say_consents(glance: Glance) -> Iterable[Line]:
    marks = [next(iter(rows.get("consent_mark", ())), {}) for rows in (glance.kept, glance.merged, glance.result)]
    for column, (label, why) in MARKS.items():
        values = [_("yes") if mark.get(column) else "" for mark in marks]
        if values[0] or values[1]:
            lost = bool(values[1]) and not values[2]
            yield Line("consent", label, values, why, is_warning=lost)
    sides = [
        {(row["purpose"], row["channel"]): row["state"] for row in rows.get("consent_state", ())}
        for rows in (glance.kept, glance.merged, glance.result)
    ]
    for key in sorted(sides[0].keys() | sides[1].keys()):
        ours, theirs, result = (side.get(key, "") for side in sides)
        yield Line(
            "consent", f"{key[0]} ({key[1]})", [STATE_WORDS[state] for state in (ours, theirs, result)],
            _why(ours, theirs), is_warning=ours == GIVEN and result == WITHDRAWN,
        )  # fmt: skip


def _why(ours: str, theirs: str) -> Any:
    if ours == theirs:
        return _("Both say the same.")
    if WITHDRAWN in (ours, theirs):
        return _("A withdrawal of either holds.")
    if ours:
        return _("It stays.")
    return _("It survives; it counts once the kept lead's own address is proven after it.")


def join_preferences(pair: Pair, hold: Hold) -> None:
    """The longer pause and the fewer mails of the two."""
    execute(load_sql("consent", "join_preferences"), pair.parameters)


def empty_payloads(person: Person, place: Place) -> int:
    """The personal part of each evidence; the digest in the chain stays."""
    return execute(load_sql("consent", "empty_payloads"), person.parameters)


PAYLOADS = Fate("emptied", empty_payloads, _("The chain of hashes stays whole and proves that it happened; not who."))
REMEMBERED = Fate("kept", keep, _("That they want nothing more is remembered, by number."))
SUPPRESSED = Fate("kept", keep, _("A keyed hash of the address, so that no file and no program brings them back."))

HOLDS = [
    Hold(
        "consent_evidence",
        "lead_id",
        stay,
        "proof",
        label=_("Proof of consents"),
        erased=PAYLOADS,
        also="jsonb_build_object('payload', (SELECT payload FROM consent_evidence_payload p"
        " WHERE p.evidence_id = t.id))",
    ),
    Hold("consent_sealed_head", "lead_id", stay, "proof"),
    Hold(
        "consent_state",
        "lead_id",
        join_consents,
        "proof",
        adds_rows=True,
        together=[("state", "since", "evidence_id", "renewed_at", "was_withdrawn")],
        undo=part_states,
        says=say_consents,
        label=_("Consents"),
    ),
    # Written by the rule above, which reads both.
    Hold(
        "consent_mark",
        "lead_id",
        by_another,
        "proof",
        key="lead_id",
        adds_rows=True,
        together=[("profiled_since", "objected_at"), ("minor_until", "guardian_since")],
        undo=part_marks,
        label=_("Marks of consent"),
        erased=REMEMBERED,
    ),
    Hold("consent_basis", "lead_id", union("basis", "purpose", "channel"), "proof", label=_("Contracts and purchases")),
    Hold(
        "consent_preference",
        "lead_id",
        join_preferences,
        key="lead_id",
        adds_rows=True,
        label=_("Preferences"),
        together=[("paused_until", "every_days", "changed_at")],
    ),
    Hold("confirmation", "lead_id", join_confirmations, label=_("Confirmations asked for"), hidden=["token_hash"]),
    # It names no lead, but an address by its keyed hash.
    Hold(
        "suppression",
        "address_hash",
        stay,
        "proof",
        undo=part_suppressions,
        label=_("Entry of the suppression list"),
        erased=SUPPRESSED,
        ids=lambda person: [address_hash(key) for key in person.address_keys],
    ),
]
