"""The tables of this room that name a lead, and what a merge makes of the two rows of `lead` themselves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from cultiva.leads.models import Lead, LeadAlias
from cultiva.leads.projecting import drawn
from cultiva.leads.values import clean_attributes
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.holds import Change, Glance, Hold, Line, Pair, drop, move, put_back, stay, union
from cultiva.lib.persons import DELETED, Fate, empty

Json = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """The last value of an attribute, whose event told it, and when."""

    value: Any
    lead_id: int
    occurred_at: datetime


def told_attributes(*, workspace_id: int, lead_ids: Sequence[int], at: datetime) -> dict[str, Told]:
    """{attribute: its last value} over the identify events of these leads up to `at`; the address is none."""
    rows = fetch_all(load_sql("leads", "told_attributes"), {"workspace": workspace_id, "leads": lead_ids, "at": at})
    values = clean_attributes({row["key"]: row["value"] for row in rows})
    return {
        row["key"]: Told(values[row["key"]], row["lead_id"], row["occurred_at"]) for row in rows if row["key"] in values
    }


def join_leads(pair: Pair, hold: Hold) -> None:
    """The kept lead's identifiers win and it takes those it lacks; attributes are the last that either was told."""
    found = Lead.objects.filter(workspace_id=pair.workspace_id).in_bulk([pair.kept_id, pair.merged_id])
    kept, merged = found[pair.kept_id], found[pair.merged_id]
    told = told_attributes(workspace_id=pair.workspace_id, lead_ids=[kept.id, merged.id], at=pair.at)
    attributes = merged.attributes | kept.attributes | {key: each.value for key, each in told.items()}
    if kept.email_key is None and merged.email_key is not None:
        kept.email, kept.email_key, merged.email_key = merged.email, merged.email_key, None
    if kept.external_id is None:
        kept.external_id, merged.external_id = merged.external_id, None
    if kept.created_at > merged.created_at:
        kept.created_at, kept.source_kind = merged.created_at, merged.source_kind
    kept.phone_key = kept.phone_key or merged.phone_key
    kept.company_id = kept.company_id or merged.company_id
    merged.merged_into = kept
    merged.save(update_fields=["email_key", "external_id", "merged_into"])  # first: an address has one lead
    write_attributes(kept, attributes)
    kept.save(update_fields=["email", "email_key", "external_id", "created_at", "source_kind", "phone_key", "company"])


def part_leads(pair: Pair, hold: Hold, changes: Sequence[Change]) -> None:
    """Identifiers go back, the kept lead's first: an address has one lead."""
    of_kept = [change for change in changes if change.key == pair.kept_id]
    put_back(pair, hold, of_kept)
    put_back(pair, hold, [change for change in changes if change.key != pair.kept_id])
    for change in of_kept:
        if change.before and change.after and "attributes" in change.before:
            _part_attributes(pair, change.before["attributes"], change.after["attributes"])


def _part_attributes(pair: Pair, before: Json, after: Json) -> None:
    """Where some were told since, each attribute that is as the merge left it still goes back."""
    kept = Lead.objects.get(workspace_id=pair.workspace_id, id=pair.kept_id)
    if kept.attributes == before:
        return
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    back = {key for key in changed if kept.attributes.get(key) == after.get(key)}
    stays = {key: value for key, value in kept.attributes.items() if key not in back}
    write_attributes(kept, stays | {key: before[key] for key in back if key in before})


def write_attributes(lead: Lead, attributes: Json) -> None:
    """Attributes with what is kept beside them for comparing and searching."""
    lead.attributes = {key: value for key, value in attributes.items() if key != "email"}
    if lead.email:
        lead.attributes["email"] = lead.email
    columns = drawn(lead.attributes)
    lead.folded, lead.search_text = columns["folded"], columns["search_text"]
    lead.save(update_fields=["attributes", "folded", "search_text"])


def join_states(pair: Pair, hold: Hold) -> None:
    """Last seen is the later; the merged lead's row goes, and with it the lead from every list."""
    execute(load_sql("leads", "join_states"), pair.parameters)
    drop(pair, hold)


def join_aliases(pair: Pair, hold: Hold) -> None:
    """Always one step: who was merged into the merged lead is the kept one now."""
    aliases = LeadAlias.objects.filter(workspace_id=pair.workspace_id, lead_id=pair.merged_id)
    aliases.update(lead_id=pair.kept_id)
    LeadAlias.objects.create(workspace_id=pair.workspace_id, merged_id=pair.merged_id, lead_id=pair.kept_id)


IDENTIFIERS = {"email": _("E-mail"), "phone_key": _("Phone"), "external_id": _("User id")}


def say_leads(glance: Glance) -> Iterable[Line]:
    kept, merged, result = (rows["lead"][0] for rows in (glance.kept, glance.merged, glance.result))
    for column, label in IDENTIFIERS.items():
        ours, theirs = kept[column] or "", merged[column] or ""
        if ours or theirs:
            yield Line(
                "identifier", label, (ours, theirs, result[column] or ""), *_why_identifier(column, ours, theirs)
            )
    told = told_attributes(
        workspace_id=glance.pair.workspace_id, lead_ids=[kept["id"], merged["id"]], at=glance.pair.at
    )
    for key in sorted((kept["attributes"].keys() | merged["attributes"].keys() | told.keys()) - {"email"}):
        ours, theirs = kept["attributes"].get(key, ""), merged["attributes"].get(key, "")
        why = _why_attribute(ours, theirs, told.get(key))
        yield Line("attribute", key, (ours, theirs, result["attributes"].get(key, "")), why)
    links = [len(rows.get("visitor_link", ())) for rows in (glance.kept, glance.merged, glance.result)]
    if links[1]:
        yield Line("history", _("Browsers and devices"), links, _("Their visits count for the kept lead."))


def _why_identifier(column: str, ours: Any, theirs: Any) -> tuple[Any, bool]:
    if not theirs or ours == theirs:
        return _("It stays."), False
    if not ours:
        return _("The kept lead has none and takes it."), False
    if column == "phone_key":
        return _("The kept lead's stays; the other remains with the merged record."), False
    return _("They differ. The kept lead's stays; whoever gives the other is found under the kept lead."), True


def _why_attribute(ours: Any, theirs: Any, told: Told | None) -> Any:
    if ours == theirs:
        return _("Both say the same.")
    if told is not None:
        return _("The value told last.")
    return _("Only one of them has it.") if not ours or not theirs else _("The kept lead's stays.")


ANONYMOUS: Json = {
    "email": "", "email_key": None, "phone_key": None, "external_id": None, "company_id": None, "attributes": {},
    "folded": None, "search_text": "",
}  # fmt: skip
UNSCORED: Json = {"temperature": None, "grade": None, "score": None, "owner_id": None, "last_seen_at": None}
NUMBER_STAYS = _("Its number stays, so that totals and proofs still fit; nothing in it says who it was.")
CANNOT_UNDO = _("That two leads were one stays; what they held does not, so it can no longer be undone.")

HOLDS = [
    Hold("lead", "id", join_leads, undo=part_leads, says=say_leads, together=[
        ("email", "email_key"), ("attributes", "folded", "search_text"), ("created_at", "source_kind"),
    ], label=_("Name, addresses and attributes"), erased=Fate("emptied", empty(**ANONYMOUS), NUMBER_STAYS),
        hidden=["folded", "search_text"]),
    Hold("lead", "merged_into_id", stay, "link"),
    Hold("lead_state", "lead_id", join_states, "figure", key="lead_id", together=[("stage", "stage_since", "cycle")],
         label=_("Stage, score and owner"), erased=Fate("emptied", empty(**UNSCORED), NUMBER_STAYS)),
    Hold("lead_alias", "lead_id", join_aliases, "link", key="merged_id", adds_rows=True),
    Hold("lead_alias", "merged_id", stay, "link", key="merged_id"),
    Hold("lead_merge", "kept_id", stay, "link", label=_("Merges"), hidden=["record"],
         erased=Fate("emptied", empty(record={}), CANNOT_UNDO)),
    Hold("lead_merge", "merged_id", stay, "link", label=_("Merges"), hidden=["record"],
         erased=Fate("emptied", empty(record={}), CANNOT_UNDO)),
    Hold("visitor_link", "lead_id", move, "link", label=_("Browsers and devices"), erased=DELETED),
    Hold("visitor_link", "visitor", stay, "link", erased=DELETED),
    Hold("visitor_claim", "visitor", stay, "link", label=_("What browsers said of who they are"), erased=DELETED),
    Hold("identity_conflict", "visitor", stay, "link", label=_("Doubts about who a browser is"), erased=DELETED),
    Hold("lead_address", "lead_id", stay, label=_("Addresses they are recognised by")),  # finders follow `lead_alias`
    Hold("lead_inbox", "lead_id", stay, "link", key="event_id"),  # `leads.inbox` follows `lead_alias`
    Hold("attribute_misfit", "subject_id", union("key"), only="subject = 'lead'", label=_("Values that do not fit")),
    Hold("conversion", "lead_id", drop, "figure", label=_("Orders and subscriptions")),
    Hold("lead_value", "lead_id", drop, "figure", key="lead_id", label=_("What their orders amount to")),
]  # fmt: skip
