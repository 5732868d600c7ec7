"""Bringing leads in: found or made, with what they consented to; withdrawals win; what is undone."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultiva.accounts.models import User
from cultiva.capture.imports.mapping import BadPlan, Column
from cultiva.capture.imports.running import (
    ImportRefused,
    create_import,
    go_on,
    list_imports,
    rehearse,
    rejected_rows,
    start,
)
from cultiva.capture.imports.undoing import go_on_undoing, preview_undo, start_undo
from cultiva.capture.models import Import, ImportPart
from cultiva.capture.tests import files
from cultiva.capture.tests.conftest import Ready
from cultiva.consent.actions import can_contact, record_consents, suppress, withdraw
from cultiva.consent.evidence import Circumstances
from cultiva.consent.models import ConsentMark, ConsentState, Evidence, PolicyVersion, PurposeVersion, Suppression
from cultiva.consent.verifying import verify_chain
from cultiva.events.actions import NewEvent, record_events, visitor_of
from cultiva.events.models import Event
from cultiva.leads.actions import save_lead
from cultiva.leads.lists import LeadFilter, list_leads
from cultiva.leads.models import Lead, LeadState, Misfit, VisitorLink
from cultiva.leads.projecting import project_leads
from cultiva.lib.database import workspace_scope

OUTCOMES = ("created", "updated", "unchanged", "duplicate", "invalid")


def lead_of(email: str) -> Lead:
    return Lead.objects.get(email_key=email)


def may_mail(lead: Lead, at: datetime) -> str:
    """`yes`, or why not."""
    found = can_contact(
        workspace_id=lead.workspace_id, lead_ids=[lead.id], purpose="marketing", channel="email", at=at
    )[lead.id]
    return "yes" if found.allowed else found.reason


def project_again(workspace: Any, at: datetime) -> None:
    """Rows as the ledger alone tells them; what `flow` does after each event."""
    ids = list(LeadState.objects.filter(workspace_id=workspace.id).values_list("lead_id", flat=True))
    project_leads(workspace_id=workspace.id, lead_ids=ids, at=at)


def give_by_form(lead: Lead, at: datetime) -> None:
    record_consents(
        workspace_id=lead.workspace_id, lead_id=lead.id, language="es", circumstances=Circumstances(form="guia"), at=at,
        policy=PolicyVersion.currents(lead.workspace_id)[0],
        purposes=list(PurposeVersion.currents(lead.workspace_id).filter(key="marketing")),
    )  # fmt: skip


def make_lead(workspace: Any, email: str, at: datetime, **attributes: Any) -> Lead:
    lead, _ = save_lead(
        workspace_id=workspace.id, email=email, attributes=attributes, language="es", source_kind="form", at=at
    )
    return lead


# Found or made


def test_people_come_in_with_their_values(lawful: Any, bring_in: Ready, at: datetime) -> None:
    run = bring_in("email;nombre;empleados;alta\nAna@Example.com;Ana;1.200;01/02/2024\n;Bea;;\n")
    assert (run.state, run.counts["created"], run.counts["invalid"]) == ("done", 1, 1)
    lead = lead_of("ana@example.com")
    assert lead.attributes == {
        "email": "Ana@example.com", "first_name": "Ana", "empleados": 1200, "alta": "2024-02-01",
    }  # fmt: skip
    assert (lead.source_kind, lead.search_text, lead.state.stage) == ("import", "ana ana@example.com", "lead")
    said = Event.objects.get(lead_id=lead.id)
    assert (said.kind, said.by, said.context) == ("identify", "system", {"import": run.id, "row": 2})


def test_known_people_learn_and_blank_never_overwrites(lawful: Any, bring_in: Ready, at: datetime) -> None:
    make_lead(lawful, "ana@example.com", at, first_name="Ana", city="Lugo")
    run = bring_in("email,first_name,city,company\nANA@example.com,,Vigo,Huertos\n")
    assert run.counts["updated"] == 1
    assert lead_of("ana@example.com").attributes == {
        "email": "ana@example.com", "first_name": "Ana", "city": "Vigo", "company": "Huertos",
    }  # fmt: skip
    again = bring_in("email,first_name,city,company\nANA@example.com,,Vigo,Huertos\n")
    assert (again.counts["updated"], again.counts["unchanged"]) == (0, 1)


def test_older_rows_do_not_overwrite_what_was_said_since(lawful: Any, bring_in: Ready, at: datetime) -> None:
    make_lead(lawful, "ana@example.com", at - timedelta(days=10), city="Lugo")
    bring_in("email,city,company,create date\nana@example.com,Vigo,Huertos,2024-01-02 10:00\n")
    attributes = lead_of("ana@example.com").attributes
    assert (attributes["city"], attributes["company"]) == ("Lugo", "Huertos")
    said = Event.objects.filter(kind="identify").order_by("occurred_at").first()
    assert said is not None
    assert said.occurred_at == datetime(2024, 1, 2, 9, 0, tzinfo=UTC)


def test_people_are_found_by_address_by_external_id_and_bare_ones_by_telephone(
    lawful: Any, bring_in: Ready, at: datetime
) -> None:
    first = bring_in("email,user id,phone,name\na@x.es,u1,,A\n,u2,,B\n,,600 000 003,C\n")
    assert first.counts["created"] == 3
    second = bring_in("email,user id,phone,city\na@x.es,,,Lugo\n,u1,,Vigo\nb@x.es,u2,,Lugo\n,,+34 600000003,Lugo\n")
    assert second.counts["created"] == 0
    assert lead_of("b@x.es").attributes["name"] == "B"
    assert Lead.objects.get(phone_key="+34600000003").attributes["city"] == "Lugo"
    assert lead_of("a@x.es").attributes["city"] == "Vigo"
    visitor = visitor_of(workspace_id=lawful.id, source_id=1, user_id="u1")
    assert VisitorLink.objects.get(visitor=visitor).lead_id == lead_of("a@x.es").id


def test_a_row_between_two_people_is_not_taken(lawful: Any, bring_in: Ready, at: datetime) -> None:
    bring_in("email,user id\na@x.es,u1\nb@x.es,u2\n")
    run = bring_in("email,user id,city\na@x.es,u2,Lugo\n")
    assert run.counts["invalid"] == 1
    rows = list(rejected_rows(run=run))
    assert "merge them first" in rows[1][1]


def test_tags_are_added_to_those_there_were(lawful: Any, bring_in: Ready, at: datetime) -> None:
    make_lead(lawful, "ana@example.com", at, tags=["old"])
    bring_in('email,tags\nana@example.com,"vip;old"\n')
    assert lead_of("ana@example.com").attributes["tags"] == ["old", "vip"]


def test_a_file_brought_in_twice_makes_nobody_twice(lawful: Any, bring_in: Ready, at: datetime) -> None:
    for made in (2, 0):
        run = bring_in(files.MAUTIC)
        assert run.counts["created"] == made
    assert Lead.objects.count() == 2


def test_the_ledger_tells_the_rows_that_were_written(lawful: Any, bring_in: Ready, at: datetime) -> None:
    """Values are kept as their attributes keep them; those of another type are in the ledger, and aside."""
    make_lead(lawful, "ana@example.com", at, employees=12, phone="+34600000009")
    project_again(lawful, at)  # employees are numbers from now on
    bring_in(
        "email,user id,phone,employees,country,language,seen\n"
        "ana@example.com,u1,600 000 001,muchos,España,en,01/02/2024\n"
        "bea@example.com,,600 000 002,7,España,,31/02/2024\n"
    )
    columns = ("id", "email", "attributes", "folded", "search_text", "language", "phone_key", "external_id")
    written = list(Lead.objects.order_by("id").values(*columns))
    ana = written[0]
    assert (ana["attributes"]["employees"], ana["external_id"], ana["language"]) == (12, "u1", "en")
    project_again(lawful, at)
    assert list(Lead.objects.order_by("id").values(*columns)) == written
    assert Misfit.objects.filter(key="employees").get().value == "muchos"


# What they consented to


def test_a_mailchimp_export_keeps_its_proofs_and_its_withdrawals(lawful: Any, bring_in: Ready, at: datetime) -> None:
    run = bring_in(files.mailchimp_zip(), basis="proof", purposes=("marketing",), name="export.zip", incomplete="none")
    assert {k: run.counts.get(k, 0) for k in ("rows", "created", "opted_out", "without_basis")} == {
        "rows": 5, "created": 4, "opted_out": 2, "without_basis": 1,
    }  # fmt: skip
    ana, bea, eva, leo = (lead_of(f"{name}@example.com") for name in ("ana", "bea", "eva", "leo"))
    assert {name: may_mail(lead, at) for name, lead in {"ana": ana, "bea": bea, "eva": eva, "leo": leo}.items()} == {
        "ana": "yes", "bea": "not_valid", "eva": "objected", "leo": "undeliverable",
    }  # fmt: skip
    assert ana.attributes["tags"] == ["VIP", "Blog"]
    chain = list(Evidence.objects.select_related("payload").filter(lead_id=ana.id).order_by("ordinal"))
    assert [row.act for row in chain] == ["imported_with_proof", "given", "confirmed"]
    assert chain[0].occurred_at == datetime(2024, 5, 1, 10, 0, tzinfo=UTC)  # naive times are UTC there
    shown = chain[0].payload.payload
    assert (shown["proof_level"], shown["ip"], shown["import_file_sha256"]) == (
        "imported_with_proof", "203.0.113.5", run.sha256,
    )  # fmt: skip
    assert not Evidence.objects.filter(act="policy_accepted").exists()
    assert sorted(Suppression.objects.values_list("reason", flat=True)) == ["hard_bounce", "unsubscribed"]
    assert all(verify_chain(workspace_id=lawful.id, lead_id=lead.id).is_whole for lead in (ana, bea, eva, leo))


def test_a_declaration_names_who_declares_and_its_document(
    lawful: Any, bring_in: Ready, olga: User, at: datetime
) -> None:
    run = bring_in("email\nana@example.com\n", basis="declared", purposes=("marketing",))
    ana = lead_of("ana@example.com")
    assert may_mail(ana, at) == "unconfirmed"
    shown = Evidence.objects.select_related("payload").get(lead_id=ana.id, act="imported_declared").payload.payload
    assert {key: shown[key] for key in ("declared_by", "declared_by_name", "document", "document_sha256")} == {
        "declared_by": olga.id, "declared_by_name": "Olga Ruiz", "document": "declaration.pdf",
        "document_sha256": run.document_sha256,
    }  # fmt: skip
    assert ImportPart.objects.filter(run=run, what="document").exists()
    assert not ImportPart.objects.filter(run=run, what="rows").exists()
    bring_in("email\nbea@example.com\n", basis="declared", purposes=("marketing",), covers_confirmation=True)
    assert may_mail(lead_of("bea@example.com"), at) == "yes"


def test_a_declaration_without_document_is_refused(lawful: Any, ready: Ready, olga: User, at: datetime) -> None:
    from cultiva.capture.imports.mapping import Plan
    from cultiva.capture.imports.running import prepare

    run = ready("email\nana@example.com\n")
    with pytest.raises(ImportRefused, match="needs who declares it and a document"):
        prepare(run=run, plan=Plan.from_json(run.plan), basis="declared", declared_by=olga)


def test_customers_are_valid_by_contract_and_not_for_marketing(lawful: Any, bring_in: Ready, at: datetime) -> None:
    bring_in("email\nana@example.com\n", basis="customers", purposes=("marketing",))
    ana = lead_of("ana@example.com")
    mark = ConsentMark.objects.get(lead=ana)
    assert (mark.valid_since, mark.profiled_since, mark.confirmed_since) == (at, at, None)
    assert may_mail(ana, at) == "no_basis"
    assert [row.act for row in Evidence.objects.filter(lead=ana)] == ["imported_contract"]


def test_without_basis_they_are_seen_and_neither_valid_nor_written_to(
    lawful: Any, bring_in: Ready, at: datetime
) -> None:
    bring_in("email\nana@example.com\n")
    ana = lead_of("ana@example.com")
    assert (may_mail(ana, at), Evidence.objects.count(), ConsentMark.objects.count()) == ("not_valid", 0, 0)
    assert list_leads(workspace_id=lawful.id, wanted=LeadFilter()).count == 1


PROOF = "email,consent time,consent ip,consent text\n"


def test_a_proof_that_is_not_whole_is_no_proof(lawful: Any, bring_in: Ready, at: datetime) -> None:
    text = PROOF + (
        "a@x.es,2024-05-01 10:00,203.0.113.1,Quiero\nb@x.es,2024-05-01 10:00,,Quiero\n"
        "c@x.es,2024-05-01 10:00,203.0.113.1,\nd@x.es,2027-05-01 10:00,203.0.113.1,Quiero\n"
    )
    run = bring_in(text, basis="proof", purposes=("marketing",))
    assert (run.counts["created"], run.counts["invalid"]) == (1, 3)
    reasons = [row[1] for row in rejected_rows(run=run)][1:]
    assert ["consent_ip is empty" in reasons[0], "consent_text is empty" in reasons[1], "future" in reasons[2]] == [
        True, True, True,
    ]  # fmt: skip
    again = bring_in(text, basis="proof", purposes=("marketing",), incomplete="none")
    assert (again.counts["created"], again.counts["without_basis"]) == (3, 3)
    assert may_mail(lead_of("b@x.es"), at) == "not_valid"


def test_a_withdrawal_in_the_file_wins_over_a_consent_known_here(lawful: Any, bring_in: Ready, at: datetime) -> None:
    ana = make_lead(lawful, "ana@example.com", at)
    give_by_form(ana, at)
    assert may_mail(ana, at) == "unconfirmed"
    bring_in(
        "email,unsubscribed\nana@example.com,yes\n", basis="declared", purposes=("marketing",), when=at + timedelta(1)
    )
    assert may_mail(ana, at + timedelta(days=2)) == "objected"
    assert ConsentState.objects.get(lead=ana).state == "withdrawn"
    assert verify_chain(workspace_id=lawful.id, lead_id=ana.id).is_whole


def test_an_import_never_raises_what_was_withdrawn_or_objected_here(lawful: Any, bring_in: Ready, at: datetime) -> None:
    ana, bea = make_lead(lawful, "ana@example.com", at), make_lead(lawful, "bea@example.com", at)
    withdraw(workspace_id=lawful.id, lead_id=ana.id, purpose="marketing", channel="email", at=at)
    withdraw(workspace_id=lawful.id, lead_id=ana.id, purpose="profiling", channel="none", at=at)
    suppress(workspace_id=lawful.id, email="bea@example.com", reason="complaint", at=at)
    bring_in(
        "email\nana@example.com\nbea@example.com\n", basis="declared", purposes=("marketing",),
        covers_confirmation=True, when=at + timedelta(days=1),
    )  # fmt: skip
    assert [may_mail(lead, at + timedelta(days=2)) for lead in (ana, bea)] == ["objected", "objected"]
    assert not Evidence.objects.filter(act="given").exists()
    assert ConsentMark.objects.get(lead=ana).profiled_since is None


def test_who_left_elsewhere_comes_back_by_a_consent_of_their_own(lawful: Any, bring_in: Ready, at: datetime) -> None:
    bring_in("email,unsubscribed\nana@example.com,2024-05-01\n")
    ana = lead_of("ana@example.com")
    assert may_mail(ana, at) == "objected"
    mails = can_contact(workspace_id=lawful.id, lead_ids=[ana.id], purpose="transactional", channel="email", at=at)[
        ana.id
    ]
    assert mails.allowed  # the confirmation that the way back needs
    give_by_form(ana, at + timedelta(days=1))
    assert may_mail(ana, at + timedelta(days=1)) == "unconfirmed"


def test_who_asked_to_be_erased_does_not_come_back_by_a_file(lawful: Any, bring_in: Ready, at: datetime) -> None:
    suppress(workspace_id=lawful.id, email="ana@example.com", reason="erasure", at=at)
    run = bring_in("email\nana@example.com\n", basis="customers")
    assert (run.counts["created"], run.counts["suppressed"], run.counts["invalid"]) == (0, 1, 1)
    assert not Lead.objects.exists()


WILL = st.lists(
    st.tuples(
        st.sampled_from(["a@x.es", "b@x.es", "c@x.es"]),
        st.sampled_from(["", "yes", "no", "2024-05-01", "x"]),  # unsubscribed
        st.sampled_from(["", "1"]),  # do not contact
        st.sampled_from(["", "1"]),  # bounced
    ),
    min_size=1, max_size=6,
)  # fmt: skip
BEFORE = st.dictionaries(st.sampled_from(["a@x.es", "b@x.es"]), st.sampled_from(["given", "withdrawn", "hard_bounce"]))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=BEFORE, rows=WILL)
def test_withdrawals_always_win(
    lawful: Any, bring_in: Ready, at: datetime, before: dict[str, str], rows: list[tuple[str, str, str, str]]
) -> None:
    """Against the plainest reference: no mail to whoever ever said no, here or in the file, in whatever order."""
    from django.db import transaction

    point = transaction.savepoint()
    try:
        for email, will in before.items():
            lead = make_lead(lawful, email, at)
            if will == "given":
                give_by_form(lead, at)
            elif will == "withdrawn":
                withdraw(workspace_id=lawful.id, lead_id=lead.id, purpose="marketing", channel="email", at=at)
            else:
                suppress(workspace_id=lawful.id, email=email, reason=will, at=at)
        text = "email,unsubscribed,do not contact,bounced\n" + "".join(",".join(row) + "\n" for row in rows)
        when = at + timedelta(days=1)
        run = bring_in(text, basis="declared", purposes=("marketing",), covers_confirmation=True, when=when)
        said_no = {email for email, will in before.items() if will != "given"}
        said_no |= {email for email, left, never, gone in rows if left not in ("", "no") or never or gone}
        for email in {row[0] for row in rows} | set(before):
            answer = may_mail(lead_of(email), when + timedelta(days=1))
            if email in said_no:
                assert answer in ("objected", "undeliverable")
            elif email in {row[0] for row in rows}:
                assert answer == "yes"
            assert verify_chain(workspace_id=lawful.id, lead_id=lead_of(email).id).is_whole
        assert sum(run.counts[outcome] for outcome in OUTCOMES) == len(rows)
    finally:
        transaction.savepoint_rollback(point)


# Rehearsal

ROW = st.tuples(
    st.sampled_from(["a@x.es", "A@x.es", "b@x.es", "c@x.es", "", "broken"]),
    st.sampled_from(["", "u1", "u2"]),
    st.sampled_from(["", "600000001"]),
    st.sampled_from(["", "Lugo", "Vigo"]),
    st.sampled_from(["", "yes"]),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.lists(ROW, max_size=4), rows=st.lists(ROW, min_size=1, max_size=9), chunk=st.sampled_from([1, 2, 5000]))
def test_a_rehearsal_counts_what_then_happens(
    lawful: Any, ready: Ready, at: datetime, first: list[Any], rows: list[Any], chunk: int
) -> None:
    from unittest.mock import patch

    from django.db import transaction

    head = "email,user id,phone,city,unsubscribed\n"
    point = transaction.savepoint()
    try:
        with patch("cultiva.capture.imports.running.CHUNK_ROWS", chunk):
            for part in (first, rows):
                if not part:
                    continue
                run = ready(head + "".join(",".join(row) + "\n" for row in part))
                before = Event.objects.count(), Lead.objects.count()
                said = rehearse(run=run, at=at)
                assert (Event.objects.count(), Lead.objects.count()) == before
                run = start(run=run, at=at, actor="test")
                run = go_on(run=run, now=lambda: at)
                assert run.state == "done"
                counted = {key: number for key, number in said.items() if key != "examples" and number}
                assert counted == {key: number for key, number in run.counts.items() if number}
    finally:
        transaction.savepoint_rollback(point)


# What is not taken


def test_rows_that_were_not_taken_come_back_mended(lawful: Any, bring_in: Ready, at: datetime) -> None:
    run = bring_in('email,phone,company\nana(at)example.com,+34600000001,"=HYPERLINK(""x"")"\nbea@example.com,,B\n')
    header, row = rejected_rows(run=run)
    assert header == ["import_line", "import_reason", "import_file", "email", "phone", "company"]
    assert (row[0], row[4], row[5]) == (2, "'+34600000001", '\'=HYPERLINK("x")')
    assert "is no e-mail address" in row[1]
    mended = io.StringIO()
    import csv

    csv.writer(mended).writerows([header, [*row[:3], "ana@example.com", *row[4:]]])
    bring_in(mended.getvalue())
    ana = lead_of("ana@example.com")
    assert (ana.phone_key, ana.attributes["company"]) == ("+34600000001", '=HYPERLINK("x")')
    assert not [key for key in ana.attributes if key.startswith("import_")]


# Undoing


def test_undoing_takes_back_what_nothing_else_touched(lawful: Any, bring_in: Ready, at: datetime) -> None:
    old = make_lead(lawful, "old@x.es", at, city="Lugo", company="Antes")
    text = "email,city,company,job title,unsubscribed\nold@x.es,Vigo,Huertos,CEO,\nnew@x.es,Vigo,,,\n" + (
        "seen@x.es,Vigo,,,\ngone@x.es,Vigo,,,yes\n"
    )
    run = bring_in(text, basis="declared", purposes=("marketing",), when=at + timedelta(hours=1))
    later = at + timedelta(hours=2)
    project_again(lawful, later)
    seen, new = lead_of("seen@x.es"), lead_of("new@x.es")
    visit = NewEvent(kind="page", message_id="v", occurred_at=later, lead_id=seen.id)
    record_events(workspace_id=lawful.id, events=[visit], received_at=later)
    save_lead(
        workspace_id=lawful.id, email="old@x.es", attributes={"company": "Ahora"}, language="es", source_kind="form",
        at=later,
    )  # fmt: skip
    preview = preview_undo(run=run)
    assert (preview.removed, preview.kept, preview.reverted, preview.opt_outs) == (2, 1, 1, 1)
    run = go_on_undoing(run=start_undo(run=run, at=later, actor="test"), now=lambda: later)
    assert run.state == "undone"
    project_again(lawful, later)
    old.refresh_from_db()
    assert old.attributes == {"email": "old@x.es", "city": "Lugo", "company": "Ahora"}
    assert list_leads(workspace_id=lawful.id, wanted=LeadFilter()).count == 2
    assert {lead.email for lead in Lead.objects.exclude(email_key=None)} == {"old@x.es", "seen@x.es"}
    assert verify_chain(workspace_id=lawful.id, lead_id=new.id).length == 2
    assert [s.reason for s in Suppression.objects.all()] == ["unsubscribed"]
    said = Event.objects.filter(name="import_undone", lead_id=new.id)
    assert [event.context["import_undone"] for event in said] == [run.id]
    again = bring_in("email\nnew@x.es\ngone@x.es\n", basis="declared", purposes=("marketing",), when=later,
                     covers_confirmation=True)  # fmt: skip
    assert (again.counts["created"], again.counts["suppressed"]) == (2, 1)
    assert may_mail(lead_of("gone@x.es"), later) == "objected"


def test_who_refused_contact_and_has_no_address_stays(lawful: Any, bring_in: Ready, at: datetime) -> None:
    run = bring_in("phone,do not contact\n600000001,yes\n600000002,\n")
    assert (preview_undo(run=run).removed, preview_undo(run=run).kept) == (1, 1)
    go_on_undoing(run=start_undo(run=run, at=at, actor="test"), now=lambda: at)
    assert [lead.phone_key for lead in Lead.objects.exclude(phone_key=None)] == ["+34600000001"]


def test_only_what_has_ended_can_be_undone(lawful: Any, ready: Ready, at: datetime) -> None:
    run = start(run=ready("email\na@x.es\n"), at=at, actor="test")
    with pytest.raises(ImportRefused, match="running"):
        start_undo(run=run, at=at, actor="test")


# Going on, and being apart


def test_a_chunk_cut_short_is_done_anew_and_none_twice(lawful: Any, ready: Ready, at: datetime) -> None:
    from unittest.mock import patch

    text = "email,name\n" + "".join(f"p{n}@x.es,P{n}\n" for n in range(10))
    run = start(run=ready(text), at=at, actor="test")
    calls = iter(range(100))
    with patch("cultiva.capture.imports.running.CHUNK_ROWS", 3):
        go_on(run=run, now=lambda: at, must_stop=lambda: next(calls) >= 1)  # a chunk is three rows a lane
        run = Import.objects.get(id=run.id)
        assert (run.position, run.state, Lead.objects.count()) == (6, "running", 6)
        run = go_on(run=run, now=lambda: at)
    assert (run.state, run.counts["created"], Lead.objects.count()) == ("done", 10, 10)
    assert Event.objects.filter(kind="identify").count() == 10


def test_another_workspace_sees_nothing_of_it(lawful: Any, other_co: Any, bring_in: Ready, at: datetime) -> None:
    bring_in("email\nana@example.com\nbroken\n")
    with workspace_scope(other_co.id):
        assert not list_imports(workspace_id=other_co.id)
        for table in (Import, ImportPart, Lead, Event):
            assert not table._default_manager.exists()


# Events

HISTORY = (
    "messageId,type,event,userId,anonymousId,email,timestamp,properties,plan\n"
    'm1,track,Order Completed,u1,,,2024-05-01T10:00:00Z,"{""revenue"": 99.5}",pro\n'
    "m2,page,Pricing,,anon-1,,2024-05-02T10:00:00Z,,\n"
    "m3,track,Called,,,ana@example.com,2024-05-03T10:00:00Z,,\n"
    "m4,track,Called,,,nobody@example.com,2024-05-03T10:00:00Z,,\n"
    "m5,track,,u1,,,2024-05-03T10:00:00Z,,\n"
    "m6,track,Later,u1,,,2030-05-03T10:00:00Z,,\n"
    "m7,track,Bad,u1,,,2024-05-03T10:00:00Z,[1],\n"
)


def test_history_comes_in_at_its_own_times_once(lawful: Any, bring_in: Ready, ready: Ready, at: datetime) -> None:
    bring_in("email,user id\nana@example.com,u1\n", basis="customers")
    ana = lead_of("ana@example.com")
    run = bring_in(HISTORY, kind="events", name="events.csv")
    assert {k: run.counts[k] for k in ("rows", "created", "duplicate", "invalid")} == {
        "rows": 7, "created": 3, "duplicate": 0, "invalid": 4,
    }  # fmt: skip
    assert {k: run.rehearsal[k] for k in ("rows", "created", "invalid")} == {"rows": 7, "created": 3, "invalid": 4}
    bought = Event.objects.get(name="Order Completed")
    assert bought.occurred_at == datetime(2024, 5, 1, 10, 0, tzinfo=UTC)
    assert bought.properties == {"revenue": 99.5, "plan": "pro"}
    assert bought.visitor == visitor_of(workspace_id=lawful.id, source_id=bought.source_id, user_id="u1")
    assert VisitorLink.objects.get(visitor=bought.visitor).lead_id == ana.id
    assert Event.objects.get(name="Called").lead_id == ana.id
    reasons = [row[1] for row in rejected_rows(run=run)][1:]
    assert len(reasons) == 4
    again = bring_in(HISTORY, kind="events", name="again.csv")
    assert (again.counts["created"], again.counts["duplicate"], again.rehearsal["created"]) == (0, 3, 0)


def test_what_people_did_on_networks_comes_in_by_a_file(lawful: Any, bring_in: Ready) -> None:
    bring_in("email\nana@example.com\n", basis="customers")
    rows = "event,timestamp,email,network,action,url\nsocial,2024-05-01T10:00:00Z,ana@example.com,linkedin,like,https://x.com/1\n"
    bring_in(rows, kind="events", name="social.csv")
    event = Event.objects.get(name="social")
    assert event.lead_id == lead_of("ana@example.com").id
    assert event.properties == {"network": "linkedin", "action": "like", "url": "https://x.com/1"}


def test_rows_without_a_message_are_known_by_their_content(lawful: Any, bring_in: Ready, at: datetime) -> None:
    head, one, two = "user_id,event,timestamp,x\n", "u1,Seen,2024-05-01,1\n", "u1,Seen,2024-05-01,2\n"
    first = bring_in(head + one + two + one, kind="events", name="e.csv")
    assert (first.counts["created"], first.counts["duplicate"]) == (2, 1)
    second = bring_in(head + two + one, kind="events", name="f.csv")
    assert second.counts["created"] == 0


def test_a_file_of_events_must_say_who_and_when(lawful: Any, ready: Ready) -> None:
    with pytest.raises(BadPlan, match="map one to user_id"):
        ready("event,timestamp\nSeen,2024-05-01\n", kind="events")
    with pytest.raises(BadPlan, match="map one to timestamp"):
        ready("event,user_id\nSeen,u1\n", kind="events")


def test_columns_may_be_left_out_and_renamed(lawful: Any, bring_in: Ready, at: datetime) -> None:
    bring_in("email,a,b\nana@example.com,1,2\n", columns={"a": Column(""), "b": Column("plan_code", "text")})
    assert lead_of("ana@example.com").attributes == {"email": "ana@example.com", "plan_code": "2"}


def test_odoo_and_brevo_and_hubspot_come_in_whole(lawful: Any, bring_in: Ready, at: datetime) -> None:
    assert bring_in(files.ODOO).counts["created"] == 1
    assert lead_of("ana@example.com").attributes["opportunity"] == "Riego finca"
    brevo = bring_in(files.BREVO)
    assert (brevo.counts["created"], brevo.counts["updated"], brevo.counts["opted_out"]) == (1, 1, 1)
    assert lead_of("ana@example.com").external_id == "u-77"
    hubspot = bring_in(files.HUBSPOT_ES)
    assert (hubspot.counts["created"], hubspot.counts["opted_out"]) == (2, 1)
    assert lead_of("jose@xn--bcher-kva.es").attributes["company"] == "Bücher S.L."
    assert lead_of("maria@example.com").attributes["job_title"] == "Jefa, de compras"


def test_a_file_that_changes_nothing_is_refused_before_it_is_kept(lawful: Any, at: datetime) -> None:
    with pytest.raises(ValueError, match="is empty"):
        create_import(workspace_id=lawful.id, kind="leads", name="x.csv", file=io.BytesIO(b""), at=at)
    assert not Import.objects.exists()
