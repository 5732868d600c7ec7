"""Bringing the rows of leads up to date with what the ledger holds of them, as sets."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cultiva.events.actions import LedgerEvent
from cultiva.events.batch import Batch
from cultiva.events.verdicts import is_verdict
from cultiva.leads.addresses import BadPhone, read_phone
from cultiva.leads.aliases import follow_merged
from cultiva.leads.attributes import (
    MisfitValue,
    Told,
    Workspace,
    fit,
    learn_definitions,
    save_misfits,
    workspace_of,
)
from cultiva.leads.companies import Workplace, domain_of, place_leads
from cultiva.leads.values import clean_attributes
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.folding import fold, folded_where_different

Json = dict[str, Any]

NAMES_SEARCHED = ("first_name", "last_name", "name", "company", "email")
TELLING = ("identify", "group", "alias")  # kinds after which a lead is read anew
CHUNK = 1000


def project(batch: Batch) -> None:
    """The step of `flow` that brings the rows of the batch's leads up to date with the ledger.

    Leads of whom something was told, or who got a past, are read anew from all their events; for others it is
    enough to note when they were last seen.
    """
    # A lead may have been merged between `resolve` and its lock.
    if moved := follow_merged(batch) - set(batch.lead_ids):
        more = fetch_all(load_sql("leads", "lock_leads"), {"workspace": batch.workspace_id, "leads": sorted(moved)})
        batch.lead_ids = sorted({*batch.lead_ids, *(row["lead_id"] for row in more)})
    told = {event.lead_id for event in batch.events if event.lead_id is not None and _tells(event)}
    if told:
        project_leads(workspace_id=batch.workspace_id, lead_ids=sorted(told), at=batch.at)
    _note_last_seen(batch, [event for event in batch.events if event.lead_id not in told])
    if judged := {event.lead_id for event in batch.events if event.lead_id is not None and is_verdict(event)} - told:
        _find_last_seen(batch.workspace_id, sorted(judged))


def _tells(event: LedgerEvent) -> bool:
    return event.kind in TELLING or event.context.get("makes_leads") is True


def project_leads(*, workspace_id: int, lead_ids: Sequence[int], at: datetime) -> None:
    """Rows of some leads from the ledger: attributes, misfits, user id, telephone, language, company, last seen."""
    parameters = {"workspace": workspace_id, "leads": list(lead_ids)}
    rows = fetch_all(load_sql("leads", "rows_of_leads"), parameters)
    people = {row["id"]: Person(row) for row in rows}
    for telling in fetch_all(load_sql("leads", "told_of_leads"), parameters):
        if telling["lead_id"] in people:
            people[telling["lead_id"]].hear(telling)
    workspace = workspace_of(workspace_id)
    _fit_attributes(workspace, people.values(), at)
    companies = place_leads(
        workspace=workspace,
        workplaces={person.id: person.workplace for person in people.values()},
        groups={group for person in people.values() for group in person.groups},
        at=at,
    )
    written = json.dumps([person.written(companies.get(person.id)) for person in people.values()])
    execute(load_sql("leads", "update_leads"), {"workspace": workspace_id, "rows": written})
    misfits = {person.id: person.misfits for person in people.values()}
    save_misfits(workspace_id=workspace_id, subject="lead", misfits=misfits)
    _find_last_seen(workspace_id, list(people))


def _find_last_seen(workspace_id: int, lead_ids: Sequence[int]) -> None:
    execute(load_sql("leads", "find_last_seen"), {"workspace": workspace_id, "leads": lead_ids})


@dataclass
class Person:
    """A lead's row, and what was told of them: `told` has the values of each key, newest first once sorted."""

    row: Json
    told: dict[str, list[Told]] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)  # oldest first
    user_ids: list[tuple[bool, list[Any], str]] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)  # said, oldest first
    browsers: list[tuple[list[Any], str]] = field(default_factory=list)  # languages of browsers
    attributes: Json = field(default_factory=dict)
    misfits: Mapping[str, MisfitValue] = field(default_factory=dict)

    @property
    def id(self) -> int:
        return int(self.row["id"])

    def hear(self, telling: Json) -> None:
        """Tellings come oldest first."""
        if telling["kind"] == "group":
            if telling["group_id"]:
                self.groups.append(telling["group_id"][:200])
            return
        for key in telling["forgets"] or ():
            self.told.pop(key, None)
        for key, value in clean_attributes(telling["properties"]).items():
            self.told.setdefault(key, []).insert(0, Told(value, telling["last_at"]))
        if telling["user_id"]:
            self.user_ids.append((not telling["is_ours"], telling["first"], telling["user_id"]))
        locale = language_of(telling["locale"])
        said = language_of(telling["properties"].get("language")) or (locale if telling["is_ours"] else "")
        if said:
            self.languages.append(said)
        elif locale:
            self.browsers.append((telling["first"], locale))

    @property
    def language(self) -> str:
        """What was said last counts; where nothing was said, the language of their first browser."""
        if self.languages:
            return self.languages[-1]
        return min(self.browsers)[1] if self.browsers else str(self.row["language"])

    @property
    def external_id(self) -> str | None:
        """The first user id: one that we were told by form, import or API before one that their events named."""
        return min(self.user_ids)[2][:200] if self.user_ids else None

    @property
    def phone_key(self) -> str | None:
        is_bare = self.row["email_key"] is None and self.row["external_id"] is None and self.external_id is None
        return self.row["phone_key"] if is_bare else phone_key_of(self.attributes)

    @property
    def workplace(self) -> Workplace:
        return Workplace(
            group_id=self.groups[-1] if self.groups else "",
            domain=domain_of(email_key=self.row["email_key"] or "", website=self.attributes.get("website")),
            name=str(self.attributes.get("company") or ""),
        )

    def written(self, company_id: int | None) -> Json:
        return {
            "id": self.id,
            **drawn(self.attributes),
            "language": self.language,
            "told_id": self.external_id,
            "phone_key": self.phone_key,
            "company_id": company_id,
        }


def drawn(attributes: Json) -> Json:
    """The columns that follow from the attributes alone."""
    text = " ".join(str(attributes[key]) for key in NAMES_SEARCHED if attributes.get(key))
    return {
        "attributes": attributes,
        "folded": folded_where_different(attributes) or None,
        "search_text": fold(text),
    }


def language_of(locale: Any) -> str:
    """`es` of es-MX; empty for what is no language."""
    primary = locale.replace("_", "-").partition("-")[0].lower() if isinstance(locale, str) else ""
    return primary if primary.isascii() and primary.isalpha() and len(primary) in (2, 3) else ""


def phone_key_of(attributes: Json) -> str | None:
    try:
        return read_phone(attributes["phone"]) if isinstance(attributes.get("phone"), str) else None
    except BadPhone:
        return None


def _fit_attributes(workspace: Workspace, people: Iterable[Person], at: datetime) -> None:
    seen: dict[str, list[Any]] = {}
    for person in people:
        for key, values in person.told.items():
            seen.setdefault(key, []).extend(each.value for each in values)
    known = learn_definitions(workspace_id=workspace.id, subject="lead", seen=seen, at=at, country=workspace.country)
    for person in people:
        person.attributes, person.misfits = fit(
            person.told, known, time_zone=workspace.time_zone, country=workspace.country
        )
        if person.row["email"]:
            person.attributes["email"] = person.row["email"]


def _note_last_seen(batch: Batch, events: Sequence[LedgerEvent]) -> None:
    acts = [event for event in events if event.lead_id is not None and _may_be_own_act(event)]
    if acts:
        parameters = {
            "workspace": batch.workspace_id,
            "acts": json.dumps([{"event_id": event.id, "lead_id": event.lead_id} for event in acts]),
            "events": [event.id for event in acts],
            "earliest": min(event.occurred_at for event in acts),
        }
        execute(load_sql("leads", "note_last_seen"), parameters)


# A mail that was opened may have been opened by a machine (Apple's mail privacy): it proves nobody's presence.
OPENS = ("email_opened",)


def _may_be_own_act(event: LedgerEvent) -> bool:
    return event.kind in ("track", "page", "screen") and event.actor != "machine" and event.name not in OPENS
