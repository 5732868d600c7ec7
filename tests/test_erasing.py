"""Erasing one person: nothing of them is left, and the proof still holds."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from cultiva.consent.deciding import address_hash, can_contact
from cultiva.consent.models import Suppression
from cultiva.consent.sealing import seal_chains
from cultiva.consent.verifying import verify_workspace
from cultiva.events.archive import archive_closed, ledger
from cultiva.events.models import Delivery
from cultiva.leads.actions import save_lead
from cultiva.leads.merging import UndoRefused, undo_merge
from cultiva.leads.models import Merge
from cultiva.lib.database import fetch_all
from cultiva.mailing.actions import Addressee, put_in_outbox
from cultiva.mailing.models import Outbox
from cultiva.privacy.erasing import erase_person, preview_erasure, write_archive_anew
from cultiva.privacy.exporting import export_person
from cultiva.privacy.models import Erasure
from cultiva.privacy.people import places
from tests.known_person import EMAIL, OLD_EMAIL, PHONE, Cast, make_cast, settle

DAY = timedelta(days=1)
WORDS = (EMAIL.lower(), OLD_EMAIL, PHONE, "600111222", "600 111 222", "ana ruiz", "anita")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, data_folder=tmp_path))
    return tmp_path


@pytest.fixture
def cast(huerta: Any, at: datetime) -> Cast:
    return make_cast(huerta, at)


# Written by staff, or of nobody: what stands here names no lead. Payloads and texts go with the rows they belong to.
NOBODY = {
    "api_key", "applied_document", "attribute", "audit_entry", "brand", "campaign", "campaign_cost",
    "campaign_link", "campaign_member", "code_guess", "company", "consent_evidence_payload",
    "consent_rules_version", "consent_seal", "consent_signing_key", "cookie_notice_version", "criteria_reference",
    "ended_document", "event_key", "event_source", "event_uncovered", "excluded_address", "exclusion_list",
    "flow_timing", "form_day", "form_draft", "form_version", "lifecycle_version", "machine_event", "magnet_cost",
    "magnet_draft",
    "magnet_file", "magnet_version", "membership", "model_version", "page_day", "page_draft", "page_path",
    "page_picture", "page_version", "periodic_run", "persona", "persona_discovery", "persona_version",
    "policy_version", "privacy_step", "privacy_text", "purpose_version", "rehearsal", "rescoring",
    "score_day", "segment", "segment_input",
    "sign_in_attempt", "sign_in_link", "staff_user", "template_version", "uploaded_files", "webinar_session",
    "workflow_version", "workspace", "write_key",
}  # fmt: skip

COLUMNS = """
SELECT c.table_name AS name, c.column_name AS column, c.udt_name AS type
  FROM information_schema.columns c
  JOIN pg_class k ON k.relname = c.table_name AND k.relnamespace = 'public'::regnamespace
 WHERE c.table_schema = 'public' AND k.relkind IN ('r', 'p') AND NOT k.relispartition
   AND c.udt_name IN ('text', 'varchar', 'json', 'jsonb', '_text', '_varchar', 'bytea')
   AND has_table_privilege(k.oid, 'SELECT')
 ORDER BY 1, 2
"""


def places_with(words: tuple[str, ...]) -> dict[str, int]:
    """{table.column: rows} of the whole database in which one of the words occurs."""
    found = {}
    for column in fetch_all(COLUMNS):
        name = column["column"]
        text = f"encode(\"{name}\", 'escape')" if column["type"] == "bytea" else f'"{name}"::text'
        condition = " OR ".join(f"lower({text}) LIKE %s" for _ in words)
        count = fetch_all(
            f"SELECT count(*) AS n FROM {column['name']} WHERE {condition}", [f"%{word}%" for word in words]
        )[0]["n"]
        if count:
            found[f"{column['name']}.{name}"] = count
    return found


def test_no_column_of_any_table_holds_the_person_any_more(cast: Cast, data: Path, at: datetime) -> None:
    now = at + DAY
    seal_chains(workspace_id=cast.workspace.id, at=at, real_now=at)
    before = places_with(WORDS)
    assert len(before) > 25, before
    others = places_with(("luis",))
    erase_person(workspace_id=cast.workspace.id, lead_id=cast.before.id, at=now, by="user:1")
    settle(cast.workspace, now)
    assert places_with(WORDS) == {}
    # of the shop's two deliveries, whose bodies are encrypted, the other's stays
    assert [each.delivery_id for each in Delivery.objects.all()] == ["2"]
    assert {name: rows for name, rows in others.items() if places_with(("luis",)).get(name) != rows} == {}
    report = verify_workspace(workspace_id=cast.workspace.id)
    assert report.is_whole, report.findings
    assert report.emptied > 5


def test_the_preview_says_what_goes_and_what_stays_and_why(cast: Cast, data: Path, at: datetime) -> None:
    parts = {part.table: part for part in preview_erasure(workspace_id=cast.workspace.id, lead_id=cast.ana.id, at=at)}
    assert parts["form_upload"].fate.outcome == "deleted"
    assert (parts["lead"].rows, parts["lead"].fate.outcome) == (2, "emptied")
    assert parts["consent_evidence"].fate.outcome == "emptied"
    assert all(part.fate.why for part in parts.values() if part.fate.outcome != "deleted")
    assert parts["mailbox_message"].rows == 6


def test_an_export_holds_everything_and_nothing_of_anybody_else(cast: Cast, data: Path, at: datetime) -> None:
    packed = export_person(workspace_id=cast.workspace.id, lead_id=cast.before.id, at=at + DAY, by="user:1")
    with zipfile.ZipFile(io.BytesIO(packed)) as bundle:
        files = {name: bundle.read(name) for name in bundle.namelist()}
    tables = json.loads(files["person.json"])["tables"]
    counted = preview_erasure(workspace_id=cast.workspace.id, lead_id=cast.ana.id, at=at)
    assert {part.table for part in counted} == set(tables)
    assert "Ana Ruiz.pdf" in str(sorted(files))
    assert sum(name.endswith(".eml") for name in files) == 6
    assert len(json.loads(files["provided.json"])["answers"]) == 2
    assert b"checkbox_label_text" in files["person.json"]
    assert not any(b"luis" in content.lower() for content in files.values())


def test_every_table_with_text_says_what_becomes_of_it(db: None) -> None:
    held = {place.table for place in places()}
    tables = {name for each in fetch_all(COLUMNS) if not (name := each["name"]).startswith(("auth_", "django_"))}
    assert sorted(tables - held - NOBODY) == [], "say in the room's holds.py what an erasure makes of these"
    assert tables >= NOBODY


def test_whoever_was_erased_is_contacted_only_by_their_own_new_consent(cast: Cast, data: Path, at: datetime) -> None:
    now, ws = at + DAY, cast.workspace.id
    Suppression.objects.create(
        workspace_id=ws, address_hash=address_hash(OLD_EMAIL), reason="complaint", created_at=at
    )  # fmt: skip
    erase_person(workspace_id=ws, lead_id=cast.ana.id, at=now, by="user:1")
    known = {row.address_hash: row.reason for row in Suppression.objects.all()}
    assert known == {address_hash(EMAIL.casefold()): "erasure", address_hash(OLD_EMAIL): "complaint"}
    again, is_new = save_lead(workspace_id=ws, email=EMAIL, attributes={}, source_kind="api", at=now)
    assert is_new
    for lead in (cast.ana, again):
        decision = can_contact(workspace_id=ws, lead_ids=[lead.id], purpose="marketing", channel="email", at=now)
        assert decision[lead.id].reason == "erased"


def test_a_second_erasure_and_the_flow_after_it_change_nothing(cast: Cast, data: Path, at: datetime) -> None:
    for day in (1, 2):
        erase_person(workspace_id=cast.workspace.id, lead_id=cast.ana.id, at=at + day * DAY, by="user:1")
        settle(cast.workspace, at + day * DAY)
    assert places_with(WORDS) == {}
    merge = Merge.objects.get()
    with pytest.raises(UndoRefused, match="erased"):
        undo_merge(workspace_id=cast.workspace.id, merge_id=merge.id, at=at + 3 * DAY, by="user:1")


def test_mails_that_wait_are_cancelled(cast: Cast, data: Path, at: datetime) -> None:
    ws = cast.workspace.id
    put_in_outbox(
        workspace_id=ws, cause_kind="workflow", template="confirmation", at=at,
        addressees=[Addressee("1", cast.ana.id), Addressee("1", cast.luis.id)],
    )  # fmt: skip
    erase_person(workspace_id=ws, lead_id=cast.ana.id, at=at + DAY, by="user:1")
    states = dict(Outbox.objects.filter(cause_kind="workflow").values_list("lead_id", "state"))
    assert states == {cast.ana.id: "cancelled", cast.luis.id: "ready"}


def test_the_archive_is_written_anew_without_them(cast: Cast, data: Path, at: datetime) -> None:
    ws, months = cast.workspace.id, archive_closed(workspace_id=cast.workspace.id, at=at)
    assert [month.month for month in months] == ["2026-01"]
    erasure = erase_person(workspace_id=ws, lead_id=cast.ana.id, at=at + DAY, by="user:1")
    assert erasure.months == ["2026-01"]
    assert write_archive_anew(workspace_id=ws, at=at + DAY) == 1
    assert write_archive_anew(workspace_id=ws, at=at + DAY) == 0
    with ledger(workspace_id=ws, since=at - 90 * DAY, until=at - 30 * DAY) as engine:
        rows = engine.sql("SELECT visitor, properties, context FROM ledger").fetchall()
    assert rows == [(None, "{}", "{}")] * 2
    assert Erasure.objects.get().archive_written_at
