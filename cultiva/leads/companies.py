"""Companies: where leads work, known by the domain of their address or site, or by the group their systems name."""

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.addresses import BadAddress, read_address
from cultiva.leads.attributes import MisfitValue, Told, Workspace, fit, learn_definitions, save_misfits, workspace_of
from cultiva.leads.free_mail import is_free_mail
from cultiva.leads.lists import EXACT_UP_TO, Page, like_words, make_key, read_key
from cultiva.leads.models import Company
from cultiva.leads.values import clean_attributes
from cultiva.lib.database import execute, fetch_all, load_sql

Json = dict[str, Any]


class CompanyConflict(ValueError):
    """The domain and the group id are of two companies; `candidates` are their ids."""

    def __init__(self, candidates: Sequence[int]) -> None:
        self.candidates = sorted(candidates)
        super().__init__("The domain and the group id belong to two companies.\nhint: give one of them")


@dataclass(frozen=True)
class Workplace:
    """What a lead's events and attributes say of where they work. `group_id` wins over `domain`."""

    group_id: str
    domain: str
    name: str


def domain_of(*, email_key: str, website: Any) -> str:
    """The domain of a company, in IDNA: of the address unless anybody can have one there, else of the site; or ""."""
    at_work = email_key.rpartition("@")[2]
    if at_work and not is_free_mail(at_work):
        return at_work
    return host_of(website)


def host_of(url: Any) -> str:
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname if isinstance(url, str) else None
        return read_address(f"x@{host.removeprefix('www.')}").domain if host else ""
    except (ValueError, BadAddress):
        return ""


@dataclass(frozen=True)
class Group:
    """What was told of a group."""

    group_id: str
    attributes: Json
    misfits: Mapping[str, MisfitValue]

    @property
    def row(self) -> Json:
        domain = host_of(self.attributes.get("domain")) or host_of(self.attributes.get("website"))
        return {
            "group_id": self.group_id,
            "name": str(self.attributes.get("name") or "")[:200],
            "domain": None if is_free_mail(domain) else domain or None,
            "attributes": self.attributes,
        }


def place_leads(
    *, workspace: Workspace, workplaces: Mapping[int, Workplace], groups: Collection[str], at: datetime
) -> dict[int, int]:
    """{lead: company}, companies made where nobody worked yet. What `groups` say of themselves is read anew."""
    names: dict[str, str] = {}
    for lead in sorted(workplaces):
        place = workplaces[lead]
        if place.domain and not place.group_id:
            names.setdefault(place.domain, place.name)
    if not groups and not names:
        return {}
    told = _read_groups(workspace, sorted(groups), at) if groups else []
    parameters = {
        "workspace": workspace.id,
        "groups": json.dumps([group.row for group in told]),
        "domains": json.dumps([{"domain": domain, "name": names[domain][:200]} for domain in sorted(names)]),
        "group_ids": sorted(groups),
        "domain_names": sorted(names),
        "at": at,
    }
    # In this order: a company that is known by its domain becomes the group's, instead of a second one.
    for name in ("adopt_groups", "make_companies", "update_groups"):
        execute(load_sql("leads", name), parameters)
    found = fetch_all(load_sql("leads", "companies_of"), parameters)
    by_group = {row["external_id"]: row["id"] for row in found if row["external_id"]}
    by_domain = {row["domain"]: row["id"] for row in found if row["domain"]}
    misfits = {by_group[group.group_id]: group.misfits for group in told if group.group_id in by_group}
    save_misfits(workspace_id=workspace.id, subject="company", misfits=misfits)
    placed = {
        lead: by_group.get(place.group_id) if place.group_id else by_domain.get(place.domain)
        for lead, place in workplaces.items()
    }
    return {lead: company for lead, company in placed.items() if company is not None}


def _read_groups(workspace: Workspace, group_ids: list[str], at: datetime) -> list[Group]:
    told: dict[str, dict[str, list[Told]]] = {group_id: {} for group_id in group_ids}
    seen: dict[str, list[Any]] = {}
    for row in fetch_all(load_sql("leads", "told_of_groups"), {"groups": group_ids}):
        for key, value in clean_attributes(row["properties"]).items():
            told[row["group_id"]].setdefault(key, []).append(Told(value, row["last_at"]))
            seen.setdefault(key, []).append(value)
    known = learn_definitions(workspace_id=workspace.id, subject="company", seen=seen, at=at, country=workspace.country)
    return [
        Group(group_id, *fit(told[group_id], known, time_zone=workspace.time_zone, country=workspace.country))
        for group_id in group_ids
    ]


def save_company(
    *,
    workspace_id: int,
    at: datetime,
    name: str = "",
    domain: str = "",
    external_id: str = "",
    attributes: Mapping[str, Any] | None = None,
) -> tuple[Company, bool]:
    """The company of a domain or group id, made where there is none, and whether it is new.

    Blank never overwrites. Values of the wrong type are kept aside. Raises CompanyConflict, and ValueError where
    neither a domain nor a group id is given.
    """
    host = host_of(domain)
    if not host and not external_id:
        raise ValueError(f"{domain!r} is no domain.\nhint: give a domain such as huerta.example, or a group id")
    rows = fetch_all(
        load_sql("leads", "companies_of"),
        {"workspace": workspace_id, "domain_names": [host] if host else [], "group_ids": [external_id]},
    )
    if len(rows) > 1:
        raise CompanyConflict([row["id"] for row in rows])
    if rows:
        company, is_new = Company.objects.select_for_update().get(workspace_id=workspace_id, id=rows[0]["id"]), False
    else:
        company, is_new = Company(workspace_id=workspace_id, created_at=at), True
    known = clean_attributes(attributes or {})
    workspace = workspace_of(workspace_id)
    defined = learn_definitions(
        workspace_id=workspace_id, subject="company", seen={k: [v] for k, v in known.items()}, at=at,
        country=workspace.country,
    )  # fmt: skip
    told = {key: [Told(value, at)] for key, value in known.items()}
    fitting, misfits = fit(told, defined, time_zone=workspace.time_zone, country=workspace.country)
    company.attributes = company.attributes | fitting
    company.name = (name or str(fitting.get("name") or ""))[:200] or company.name
    company.domain = company.domain or host or None
    company.external_id = company.external_id or external_id[:200] or None
    company.save()
    if known and company.external_id:  # what is told of a group later stands beside it
        record_events(workspace_id=workspace_id, received_at=at, events=[_saved(company, known, at)])
    if misfits:
        save_misfits(workspace_id=workspace_id, subject="company", misfits={company.id: misfits}, keep_others=True)
    return company, is_new


def _saved(company: Company, known: Json, at: datetime) -> NewEvent:
    return NewEvent(
        kind="group", message_id=str(uuid.uuid4()), occurred_at=at, by="system", properties=known,
        context={"group_id": company.external_id},
    )  # fmt: skip


def list_companies(*, workspace_id: int, search: str = "", after: str | None = None, limit: int = 50) -> Page:
    """Companies by name, rows {id, name, domain, external_id, attributes, leads}.

    An `after` that this list did not make raises ValueError.
    """
    parameters: Json = {"workspace": workspace_id, "words": like_words(search), "limit": limit + 1}
    parameters |= read_key(after) if after else {"key": "", "id": 0}
    rows = fetch_all(load_sql("leads", "list_companies"), parameters)
    count = fetch_all(load_sql("leads", "count_companies"), parameters | {"most": EXACT_UP_TO + 1})[0]["n"]
    next_key = make_key(rows[limit - 1]) if len(rows) > limit else None
    return Page(rows[:limit], next_key, count=min(count, EXACT_UP_TO), is_exact=count <= EXACT_UP_TO)
