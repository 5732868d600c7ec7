"""Random histories: who is who against plain Python, whatever the batches; and made anew from the ledger."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cultiva.events.actions import record_events
from cultiva.leads.models import Lead, VisitorLink
from cultiva.leads.rebuild import rebuild_leads
from cultiva.leads.tests import people
from cultiva.leads.tests.reference import Telling, people_of
from cultiva.leads.tests.undone import Undone, against_the_database
from cultiva.lib.database import execute, fetch_all

USERS, BROWSERS = ("1", "2", "3"), ("a", "b", "c", "d")
ADDRESSES = ("ana@huertos.example", "bea@gmail.com", "cid@huertos.example")
sizes = st.lists(st.integers(1, 6), min_size=1, max_size=6)


def known_or_not(words: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(("", *words))


identifies = st.builds(
    Telling,
    kind=st.just("identify"),
    user=known_or_not(USERS),
    browser=known_or_not(BROWSERS),
    address=known_or_not(ADDRESSES),
    makes_leads=st.sampled_from((False, False, False, True)),
).filter(lambda telling: telling.user or telling.browser)
aliases = st.builds(
    Telling,
    kind=st.just("alias"),
    previous=st.sampled_from(BROWSERS + USERS),
    user=st.sampled_from(USERS),
).filter(lambda telling: telling.previous != telling.user)
leads = st.builds(Telling, kind=st.just("lead"), address=st.sampled_from(ADDRESSES))
first_leads = st.dictionaries(st.sampled_from(ADDRESSES), st.sampled_from(USERS), max_size=2).filter(
    lambda found: len(set(found.values())) == len(found)
)
histories = st.lists(identifies | aliases | leads, max_size=12)


def tell(workspace: Any, at: datetime, telling: Telling) -> None:
    if telling.kind == "lead":
        people.lead(workspace, at, telling.address, external_id=telling.user)
        return
    if telling.kind == "alias":
        event = people.alias(workspace, at, previous=telling.previous, user=telling.user)
    else:
        trust: Any = {"is_secret": True, "makes_leads": True} if telling.makes_leads else {}
        event = people.identify(
            workspace, at, user=telling.user, browser=telling.browser, email=telling.address, **trust
        )  # fmt: skip
    record_events(workspace_id=workspace.id, events=[event], received_at=at)


def found_links(workspace: Any) -> dict[str, str]:
    names = {people.visitor(workspace, user=user): f"u:{user}" for user in USERS + BROWSERS}
    names |= {people.visitor(workspace, browser=browser): f"b:{browser}" for browser in BROWSERS + USERS}
    addresses = dict(Lead.objects.filter(workspace_id=workspace.id).values_list("id", "email_key"))
    links = VisitorLink.objects.filter(workspace_id=workspace.id)
    return {names[link.visitor]: str(addresses[link.lead_id]) for link in links}


@settings(against_the_database, max_examples=150)
@given(first=first_leads, history=histories, parts=sizes)
def test_who_is_who_is_what_the_reference_says_whatever_the_batches(
    huerta: Any, at: datetime, first: dict[str, str], history: list[Telling], parts: list[int]
) -> None:
    tellings = [Telling("lead", address=address, user=user) for address, user in first.items()] + history
    expected, refused = people_of(tellings)
    with Undone():
        for number, telling in enumerate(tellings):
            tell(huerta, at + timedelta(seconds=number), telling)
        people.take_in_parts(huerta, at, itertools.cycle(parts))
        assert found_links(huerta) == expected
        assert sorted(people.conflicts(huerta)) == sorted(reason for _place, reason in refused)


COLUMNS = {
    "lead": "id, email, email_key, phone_key, external_id, company_id, attributes, folded, language, source_kind,"
    " created_at, search_text, merged_into_id",
    "lead_state": "lead_id, last_seen_at",
    "visitor_link": "visitor, lead_id, linked_at, event_id",
    "visitor_claim": "visitor, same_as, email_key, user_id, event_id, occurred_at",
    "lead_address": "email_key, lead_id",
    "identity_conflict": "visitor, other, reason, event_id, seen_at",
    "attribute_misfit": "subject, subject_id, key, value, reason, seen_at",
    "company": "id, name, domain, external_id, attributes",
}
NOT_COMPARED = {
    "lead": {"workspace_id"},
    "lead_state": {"workspace_id", "stage", "stage_since", "cycle", "temperature", "grade", "score", "owner_id"},
    "company": {"workspace_id", "created_at"},
}
FORGET = (
    "UPDATE lead SET attributes = '{}', folded = NULL, search_text = '', external_id = NULL, company_id = NULL,"
    " language = 'xx', phone_key = CASE WHEN email_key IS NULL THEN phone_key END",
    "UPDATE lead_state SET last_seen_at = NULL",
    "UPDATE company SET attributes = '{}'",
    "DELETE FROM attribute_misfit",
    "DELETE FROM identity_conflict",
    "DELETE FROM visitor_claim",
    "DELETE FROM lead_address",
)


def everything() -> dict[str, list[Any]]:
    return {
        table: sorted(fetch_all(f"SELECT {columns} FROM {table} ORDER BY 1"), key=repr)
        for table, columns in COLUMNS.items()
    }


def test_every_column_is_compared_or_named(db: None) -> None:
    for table, columns in COLUMNS.items():
        sql = "SELECT column_name AS name FROM information_schema.columns WHERE table_name = %s"
        there = {row["name"] for row in fetch_all(sql, [table])} - NOT_COMPARED.get(table, {"workspace_id", "id"})
        assert there == set(columns.replace(" ", "").split(",")), table


traits = st.dictionaries(
    st.sampled_from(("city", "employees", "phone", "website", "signed_on", "language")),
    st.sampled_from(("Jerez", 7, "600 000 001", "https://riegos.example/x", "2026-01-02", "", True, ["x"])),
    max_size=3,
)
minutes = st.integers(0, 600).map(lambda n: timedelta(minutes=n))


@settings(against_the_database, max_examples=80)
@given(
    first=first_leads,
    history=st.lists(st.tuples(identifies | aliases | leads, traits, minutes, st.integers(0, 3)), max_size=10),
    parts=sizes,
)
def test_what_was_live_is_made_anew_from_the_ledger(
    huerta: Any, at: datetime, first: dict[str, str], history: list[Any], parts: list[int]
) -> None:
    with Undone():
        for address, user in first.items():
            people.lead(huerta, at - timedelta(days=1), address, external_id=user, language="es")
        numbers: Iterator[int] = itertools.cycle(parts)
        for telling, told, ago, after in history:
            when = at - ago
            if telling.kind == "lead":
                people.lead(huerta, when, telling.address, attributes=told, language="en")
            elif telling.kind == "alias":
                event = people.alias(huerta, when, previous=telling.previous, user=telling.user)
                record_events(workspace_id=huerta.id, events=[event], received_at=at)
            else:
                trust: Any = {"is_secret": True, "makes_leads": True} if telling.makes_leads else {}
                who: Any = {"user": telling.user, "browser": telling.browser}
                events = [
                    people.act(huerta, when - timedelta(hours=1), **who),
                    people.identify(huerta, when, email=telling.address, traits=told, locale="fr-FR", **who, **trust),
                    people.group(huerta, when, of=f"g{after % 2}", traits=dict(told), **who),
                ]
                record_events(workspace_id=huerta.id, events=events, received_at=at)
            if after:
                people.take_in_parts(huerta, at, numbers)
        people.take_in_parts(huerta, at, numbers)
        live = everything()
        for statement in FORGET:
            execute(statement)
        rebuild_leads(workspace_id=huerta.id, at=at + timedelta(days=1))
        assert everything() == live
