"""Who is who: visitors, what they claim to be, and the leads they turn out to be.

Visitors who said that they are one person (a browser and its user, an alias) form a tree of claims; its root holds
the one address the person gave. As soon as a lead has that address, or is known by one of the user ids, every
visitor of the tree is linked to it, with their past, in whatever order things became known. Nothing is ever merged
by an event, and a link never moves: what would have made one visitor two people is kept as a conflict.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from cultiva.events.actions import LedgerEvent, visitor_of
from cultiva.events.batch import Batch
from cultiva.leads.addresses import Address, BadAddress, BadPhone, read_address, read_phone
from cultiva.leads.aliases import current_lead_ids
from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.folding import fold, folded_where_different

Json = dict[str, Any]

# Why two are not made one.
ANOTHER_ADDRESS = "another_address"  # a browser whose person gave another address: its traits are nobody's
ANOTHER_USER = "another_user"  # a browser on which another user was known
ANOTHER_LEAD = "another_lead"  # both are leads already
ADDRESS_OF_ANOTHER = "address_of_another_lead"  # a user who is a lead gave the address of another one
REASONS = (ANOTHER_ADDRESS, ANOTHER_USER, ANOTHER_LEAD, ADDRESS_OF_ANOTHER)

NO_IDS = {"", "0", "null", "undefined", "guest"}  # what scripts send for somebody they do not know


def resolve(batch: Batch) -> None:
    """The step of `flow` that finds whose events these are: links, then leads (`batch.lead_ids`, not locked yet).

    `lead_ids` are all leads touched, those too whom only a new link brought a past. An event of a publishable key
    never makes a lead: a lead is somebody who gave their data.
    """
    merged = current_lead_ids(
        batch.workspace_id, {event.lead_id for event in batch.events if event.lead_id is not None}
    )
    linked = learn(batch.workspace_id, batch.events, merged, at=batch.at)
    lead_of = _leads_of_visitors(batch)
    batch.events = [
        replace(event, lead_id=merged.get(event.lead_id, event.lead_id))
        if event.lead_id is not None
        else replace(event, lead_id=lead_of.get(event.visitor))
        for event in batch.events
    ]
    batch.lead_ids = sorted({event.lead_id for event in batch.events if event.lead_id is not None} | linked)


def learn(
    workspace_id: int, events: Iterable[LedgerEvent], merged: dict[int, int], *, at: datetime, may_make: bool = True
) -> set[int]:
    """Take in what events say of who is who, oldest id first; returns the leads that visitors were linked to.

    Without `may_make`, events find the leads they made once and make none: those that are gone stay so.

    Identities of one workspace are learnt by one worker at a time: a visitor's claim and the lead it waits for may
    come at once, and each must see the other.
    """
    tellings = [telling for event in events if (telling := _read(workspace_id, event))]
    if not tellings:
        return set()
    execute("SELECT pg_advisory_xact_lock(hashtextextended('leads.identity', %s))", [workspace_id])
    claims = _load(workspace_id, tellings, merged)
    for telling in sorted(tellings, key=lambda telling: telling.event.id):
        claims.take(telling)
    return _save(workspace_id, claims, at, may_make)


@dataclass(frozen=True)
class Telling:
    """What one event says of who somebody is. `browser` and `user` are visitors; so are those of `previous`."""

    event: LedgerEvent
    user_id: str
    user: UUID | None
    browser: UUID | None
    previous: tuple[UUID, UUID] | None  # an alias's previous id, read as a browser's and as a user's
    address: Address | None
    phone: str  # E.164, of events that may make leads

    @property
    def is_ours(self) -> bool:
        return self.event.is_ours and self.event.lead_id is not None

    @property
    def is_secret(self) -> bool:
        return self.event.context.get("is_secret") is True

    @property
    def makes_leads(self) -> bool:
        return self.is_secret and self.event.context.get("makes_leads") is True

    @property
    def visitors(self) -> set[UUID]:
        return {v for v in (self.event.visitor, self.user, self.browser, *(self.previous or ())) if v}


@dataclass
class Known:
    """A visitor, as far as known. Of the visitors of one person only the root has an address."""

    visitor: UUID
    same_as: UUID | None = None
    email_key: str | None = None
    user_id: str | None = None
    event_id: int | None = None
    occurred_at: datetime | None = None
    lead: int | None = None


@dataclass
class Claims:
    """What is known of the visitors of some events, changed event by event, written afterwards as sets.

    A lead that is yet to be made is a negative number: the place in `made`, from -1 down.
    """

    known: dict[UUID, Known]
    leads: dict[str, int]  # by address
    addresses: dict[int, str | None]  # of the leads that visitors are or may be linked to, all who are there
    merged: dict[int, int]
    owners: dict[str, int]  # leads whose own record of an address may still be on its way
    waiting: dict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    changed: set[UUID] = field(default_factory=set)
    links: list[Json] = field(default_factory=list)
    made: list[Json] = field(default_factory=list)
    adopted: list[Json] = field(default_factory=list)
    new_addresses: list[Json] = field(default_factory=list)
    conflicts: list[Json] = field(default_factory=list)

    def take(self, telling: Telling) -> None:
        if telling.user:
            self._name(telling.user, telling.user_id)
        if telling.previous:
            self._name(telling.previous[1], str(telling.event.context["previous_id"]))
        if telling.is_ours:
            self._take_ours(telling)
        elif telling.event.kind == "alias":
            self._take_alias(telling)
        else:
            self._take_identify(telling)

    def _name(self, user: UUID, user_id: str) -> None:
        known = self.known[user]
        if known.user_id is None:
            known.user_id = user_id
            if known.event_id is not None:
                self.changed.add(user)

    def _take_ours(self, telling: Telling) -> None:
        """Our own record names the lead: their address and user id are from now on known as theirs."""
        assert telling.event.lead_id is not None
        lead = self.merged.get(telling.event.lead_id, telling.event.lead_id)
        if lead not in self.addresses:
            return
        key = telling.address.key if telling.address else None
        if key:
            self._recognise(key, lead, telling)
        for visitor in (telling.user, telling.event.visitor):
            if visitor is None:
                continue
            root = self._root(visitor)
            if root.lead is None:
                self._attach(root, lead, telling)
            elif root.lead != lead:
                self._refuse(telling, visitor, None, ANOTHER_LEAD)
                continue
            if key and root.email_key is None and self.leads[key] == lead:
                self._give_address(root, key, telling)

    def _take_identify(self, telling: Telling) -> None:
        subject = telling.event.visitor or telling.user or telling.browser
        if subject is None:
            return
        if telling.user and telling.browser:
            self._join_browser(telling.browser, telling.user, telling)
        if telling.address:
            self._claim_address(subject, telling.address.key, telling)
        root = self._root(subject)
        if telling.is_secret and root.lead is not None and telling.address:
            self._adopt(root.lead, telling.address, telling)
        elif telling.makes_leads and root.lead is None and (telling.address or telling.phone):
            self._make_lead(root, telling)

    def _take_alias(self, telling: Telling) -> None:
        """The sender says that the previous id, of a browser or a user, is this user."""
        if telling.user is None or telling.previous is None:
            return
        as_browser, as_user = telling.previous
        self._join_browser(as_browser, telling.user, telling)
        former, present = self._root(as_user), self._root(telling.user)
        if former is not present and self._may_join(former, present, telling.user, telling):
            self._join(former, present, telling)

    def _join_browser(self, browser: UUID, user: UUID, telling: Telling) -> None:
        former, present = self._root(browser), self._root(user)
        if former is present:
            return
        if former.user_id is not None:
            address = present.email_key or (telling.address.key if telling.address else None)
            if former.email_key is None or former.email_key != address:  # else one person under two user ids
                self._refuse(telling, browser, user, ANOTHER_USER)
        elif self._may_join(former, present, user, telling, browser):
            self._join(former, present, telling)

    def _may_join(
        self, former: Known, present: Known, user: UUID, telling: Telling, visitor: UUID | None = None
    ) -> bool:
        is_told = telling.address is not None and telling.event.kind != "alias"
        was, is_now = self._address_of(former), self._address_of(present)
        if is_now is None and is_told and telling.address:
            is_now = telling.address.key
        if was and is_now and was != is_now:
            self._refuse(telling, visitor or former.visitor, user, ANOTHER_ADDRESS)
        elif former.lead is not None and present.lead is not None and former.lead != present.lead:
            self._refuse(telling, visitor or former.visitor, user, ANOTHER_LEAD)
        else:
            return True
        return False

    def _claim_address(self, subject: UUID, key: str, telling: Telling) -> None:
        """A person's first address counts. A user may change theirs; on a browser, another one is another person."""
        root = self._root(subject)
        is_user = telling.user is not None or self.known[subject].user_id is not None
        lead = self.leads.get(key)
        has_another = self._address_of(root) not in (None, key)
        is_anothers = lead is not None and root.lead is not None and lead != root.lead
        if is_anothers or (has_another and not is_user):
            self._refuse(telling, subject, None, ADDRESS_OF_ANOTHER if is_user else ANOTHER_ADDRESS)
        elif root.email_key is None and not has_another:
            self._give_address(root, key, telling)

    def _give_address(self, root: Known, key: str, telling: Telling) -> None:
        root.email_key = key
        self.waiting[key].add(root.visitor)
        self._change(root, telling)
        if root.lead is None and key in self.leads:
            self._attach(root, self.leads[key], telling)

    def _adopt(self, lead: int, address: Address, telling: Telling) -> None:
        """A secret key told the address of a lead who had none."""
        is_free = address.key not in self.leads and self.owners.get(address.key, lead) == lead
        if is_free and self.addresses.get(lead) in (None, address.key):
            self.addresses[lead] = address.key
            self.adopted.append({"lead_id": lead, "email": address.text, "email_key": address.key})
            self._recognise(address.key, lead, telling)

    def _make_lead(self, root: Known, telling: Telling) -> None:
        address = telling.address
        if address and address.key in self.leads:
            return
        known = {"email": address.text} if address else {"phone": telling.phone}
        self.made.append({
            "place": len(self.made),
            "email": address.text if address else "",
            "email_key": address.key if address else None,
            "phone_key": telling.phone or None,
            "attributes": known,
            "folded": folded_where_different(known) or None,
            "search_text": fold(address.text) if address else "",
            "language": _language(telling.event),
        })  # fmt: skip
        lead = -len(self.made)
        self.addresses[lead] = address.key if address else None
        if address:
            self._recognise(address.key, lead, telling)
        if root.lead is None:
            self._attach(root, lead, telling)

    def _recognise(self, key: str, lead: int, telling: Telling) -> None:
        """The address is this lead's: who gave it before is this lead."""
        if key in self.leads:
            return
        self.leads[key] = lead
        # Whoever the teller is by now: a merge may be undone, and finders follow `lead_alias`.
        teller = telling.event.lead_id if telling.is_ours else lead
        self.new_addresses.append({"email_key": key, "lead_id": teller})
        for visitor in sorted(self.waiting[key]):
            root = self.known[visitor]
            if root.same_as is None and root.email_key == key and root.lead is None:
                self._attach(root, lead, telling)

    def _attach(self, root: Known, lead: int, telling: Telling) -> None:
        root.lead = lead
        self.links.append({"visitor": str(root.visitor), "lead_id": lead, "event_id": telling.event.id})

    def _join(self, former: Known, present: Known, telling: Telling) -> None:
        former.same_as = present.visitor
        self._change(former, telling)
        self._change(present, telling)
        key, former.email_key = former.email_key, None
        lead = former.lead
        if lead is None and present.lead is not None:
            self._attach(former, present.lead, telling)
        elif lead is not None and present.lead is None:
            self._attach(present, lead, telling)
        if key and present.email_key is None:
            self._give_address(present, key, telling)

    def _change(self, known: Known, telling: Telling) -> None:
        self.changed.add(known.visitor)
        if known.event_id is None:
            known.event_id, known.occurred_at = telling.event.id, telling.event.occurred_at

    def _refuse(self, telling: Telling, visitor: UUID, other: UUID | None, reason: str) -> None:
        self.conflicts.append({
            "visitor": str(visitor),
            "other": str(other) if other else None,
            "reason": reason,
            "event_id": telling.event.id,
            "seen_at": telling.event.occurred_at.isoformat(),
        })  # fmt: skip

    def _root(self, visitor: UUID) -> Known:
        known = self.known[visitor]
        while known.same_as is not None:
            known = self.known[known.same_as]
        return known

    def _address_of(self, root: Known) -> str | None:
        return root.email_key or (self.addresses.get(root.lead) if root.lead is not None else None)


def _read(workspace_id: int, event: LedgerEvent) -> Telling | None:
    """None for events that say nothing of who somebody is, which are most."""
    context = event.context
    if event.kind not in ("identify", "alias") and context.get("makes_leads") is not True:
        return None
    said = context.get("traits")  # where acts carry them
    traits: Json = said if event.kind != "identify" and isinstance(said, dict) else event.properties
    user_id, anonymous_id, previous_id = (_id(context.get(key)) for key in ("user_id", "anonymous_id", "previous_id"))
    user = browser = previous = None
    if user_id:
        user = visitor_of(workspace_id=workspace_id, source_id=event.source_id, user_id=user_id)
    if anonymous_id:
        browser = visitor_of(workspace_id=workspace_id, source_id=event.source_id, anonymous_id=anonymous_id)
    if event.kind == "alias" and previous_id:
        previous = (
            visitor_of(workspace_id=workspace_id, source_id=event.source_id, anonymous_id=previous_id),
            visitor_of(workspace_id=workspace_id, source_id=event.source_id, user_id=previous_id),
        )
    address = _address(traits.get("email"))
    phone = _phone(traits.get("phone")) if context.get("makes_leads") is True and not address else ""
    return Telling(event, user_id, user, browser, previous, address, phone)


def _id(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and value.strip().casefold() not in NO_IDS else ""


def _address(value: Any) -> Address | None:
    try:
        return read_address(value.strip()) if isinstance(value, str) and len(value) < 1000 else None
    except BadAddress:
        return None


def _phone(value: Any) -> str:
    try:
        return read_phone(value) if isinstance(value, str) and len(value) < 100 else ""
    except BadPhone:
        return ""


def _language(event: LedgerEvent) -> str:
    locale = event.context.get("locale")
    return locale[:2].lower() if isinstance(locale, str) and locale[:2].isalpha() else ""


def _load(workspace_id: int, tellings: list[Telling], merged: dict[int, int]) -> Claims:
    given = {t.address.key for t in tellings if t.address}
    may_become_known = {t.address.key for t in tellings if t.address and (t.is_ours or t.is_secret)}
    visitors = {visitor for telling in tellings for visitor in telling.visitors}
    rows = fetch_all(
        load_sql("leads", "load_claims"),
        {"workspace": workspace_id, "visitors": list(visitors), "addresses": list(may_become_known)},
    )
    known = {row["visitor"]: Known(lead=row.pop("lead_id"), **row) for row in rows}
    leads = fetch_all(load_sql("leads", "leads_of_addresses"), {"workspace": workspace_id, "addresses": list(given)})
    named = {merged.get(t.event.lead_id, t.event.lead_id) for t in tellings if t.event.lead_id is not None}
    linkable = named | {each.lead for each in known.values() if each.lead} | {row["lead_id"] for row in leads}
    # Who went with an undone import has a row still, and no state.
    sql = (
        "SELECT l.id, l.email_key FROM lead l JOIN lead_state s ON s.workspace_id = l.workspace_id AND s.lead_id = l.id"
        " WHERE l.workspace_id = %s AND l.id = ANY (%s)"
    )
    addresses = {row["id"]: row["email_key"] for row in fetch_all(sql, [workspace_id, list(linkable)])}
    adoptable = [t.address.key for t in tellings if t.address and t.is_secret]
    owners = {}
    if adoptable:
        sql = "SELECT email_key, id FROM lead WHERE workspace_id = %s AND email_key = ANY (%s)"
        owners = {row["email_key"]: row["id"] for row in fetch_all(sql, [workspace_id, adoptable])}
    claims = Claims(known, {row["email_key"]: row["lead_id"] for row in leads}, addresses, merged, owners)
    for each in known.values():
        if each.email_key:
            claims.waiting[each.email_key].add(each.visitor)
    return claims


def _save(workspace_id: int, claims: Claims, at: datetime, may_make: bool) -> set[int]:
    """Write what changed; returns the leads that visitors were linked to."""
    ids = _make_leads(workspace_id, claims.made, at, may_make) if claims.made else {}

    def real(rows: list[Json]) -> str:
        numbered = [{**row, "lead_id": ids.get(row["lead_id"], row["lead_id"])} for row in rows]
        return json.dumps([row for row in numbered if row["lead_id"] > 0])

    def write(name: str, **parameters: str) -> None:
        execute(load_sql("leads", name), {"workspace": workspace_id, **parameters})

    if claims.adopted:
        write("adopt_addresses", addresses=real(claims.adopted))
    if claims.new_addresses:
        write("save_addresses", addresses=real(claims.new_addresses))
    if claims.changed:
        write("save_claims", claims=json.dumps([_row(claims.known[visitor]) for visitor in claims.changed]))
    if claims.conflicts:
        write("save_conflicts", conflicts=json.dumps(claims.conflicts))
    if not claims.links:
        return set()
    parameters = {"workspace": workspace_id, "links": real(claims.links), "at": at}
    return {row["lead_id"] for row in fetch_all(load_sql("leads", "link_people"), parameters)}


def _row(known: Known) -> Json:
    return {
        "visitor": str(known.visitor),
        "same_as": str(known.same_as) if known.same_as else None,
        "email_key": known.email_key,
        "user_id": known.user_id,
        "event_id": known.event_id,
        "occurred_at": known.occurred_at.isoformat() if known.occurred_at else None,
    }


def _make_leads(workspace_id: int, made: list[Json], at: datetime, may_make: bool) -> dict[int, int]:
    """{number in `Claims`: id}; of those whom a form or an import made in between, theirs."""
    parameters = {"workspace": workspace_id, "leads": json.dumps(made), "at": at}
    if may_make:
        execute(load_sql("leads", "make_leads"), parameters)
    rows = fetch_all(load_sql("leads", "leads_of_keys"), parameters)
    return {-row["place"] - 1: row["lead_id"] for row in rows}


def _leads_of_visitors(batch: Batch) -> dict[UUID | None, int]:
    visitors = {event.visitor for event in batch.events if event.visitor and event.lead_id is None}
    if not visitors:
        return {}
    sql = load_sql("leads", "leads_of_visitors")
    rows = fetch_all(sql, {"workspace": batch.workspace_id, "visitors": list(visitors)})
    return {row["visitor"]: row["lead_id"] for row in rows}
