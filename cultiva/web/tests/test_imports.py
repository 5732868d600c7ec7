"""The import screens: upload, mapping and basis, the count before, progress, what was not taken, undo."""

from datetime import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cultiva.accounts.models import Role, User
from cultiva.capture.imports.turns import take_turn
from cultiva.capture.models import Import
from cultiva.capture.tests import files
from cultiva.consent.actions import publish_policy, publish_purpose
from cultiva.consent.tests.documents import MARKETING, POLICY
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope
from cultiva.web.tests.test_screens import signed_in

HEAD = "Correo;Nombre;Alta\r\n"
TEXT = HEAD + "ana@example.com;Núñez;03/04/2024\r\nroto;=1+1;\r\nbea@example.com;<b>Bea</b>;01/02/2024\r\n"


@pytest.fixture
def owner(huerta: Any, at: datetime) -> Client:
    publish_policy(workspace_id=huerta.id, text=POLICY, at=at)
    publish_purpose(workspace_id=huerta.id, text=MARKETING, at=at)
    return signed_in(huerta, Role.OWNER, at)


def upload(client: Client, content: bytes, name: str = "people.csv", kind: str = "leads") -> Import:
    answer = client.post("/imports/new", {"kind": kind, "file": SimpleUploadedFile(name, content)})
    assert answer.status_code == 302, answer.content.decode()
    return Import.objects.order_by("-id")[0]


def work(workspace: Any, at: datetime) -> None:
    """What the worker does in its next rounds."""
    while take_turn(workspace_id=workspace.id, now=lambda: at, must_stop=lambda: False):
        pass


MAPPING = {"time_zone": "Europe/Madrid", "basis": "declared", "purposes": ["marketing"], "incomplete": "reject",
           "target-0": "email", "reading-0": "text", "target-1": "first_name", "reading-1": "text",
           "target-2": "alta", "reading-2": "date-dmy"}  # fmt: skip


def test_a_file_goes_from_upload_to_undo(huerta: Any, owner: Client, at: datetime) -> None:
    run = upload(owner, TEXT.encode("cp1252"))
    page = owner.get(f"/imports/{run.id}/mapping").content.decode()
    assert "Núñez" in page
    assert "cp1252" in page
    assert "&lt;b&gt;Bea" in page
    assert 'value="first_name"' in page
    assert "Check these columns" in page  # 03/04
    user = run.created_by_id
    document = SimpleUploadedFile("declaration.pdf", b"%PDF")
    answer = owner.post(f"/imports/{run.id}/mapping", MAPPING | {"declared_by": str(user), "document": document})
    assert answer.status_code == 302, answer.content.decode()
    assert "Being counted" in owner.get(f"/imports/{run.id}").content.decode()
    work(huerta, at)
    page = owner.get(f"/imports/{run.id}").content.decode()
    assert "This is what would happen" in page
    assert "Line 3" in page
    assert not Lead.objects.exists()
    owner.post(f"/imports/{run.id}/start")
    assert "hx-get" in owner.get(f"/imports/{run.id}/progress").content.decode()
    work(huerta, at)
    page = owner.get(f"/imports/{run.id}/progress").content.decode()
    assert "hx-get" not in page
    assert "Rows that were not taken" in page
    assert Lead.objects.count() == 2
    assert "people.csv" in owner.get("/imports").content.decode()
    rejects = owner.get(f"/imports/{run.id}/rejects.csv")
    assert rejects.headers["Content-Disposition"].startswith("attachment")
    text = b"".join(rejects.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert text.splitlines()[0] == "import_line,import_reason,import_file,Correo,Nombre,Alta"
    assert "'=1+1" in text
    assert "Leads that go" in owner.get(f"/imports/{run.id}/undo").content.decode()
    owner.post(f"/imports/{run.id}/undo")
    work(huerta, at)
    assert "opt-outs that it brought stay" in owner.get(f"/imports/{run.id}").content.decode()
    assert not Lead.objects.exclude(email_key=None).exists()


def test_who_reads_spanish_is_told_in_spanish_why_rows_are_not_taken(huerta: Any, owner: Client, at: datetime) -> None:
    User.objects.update(language="es")
    answer = owner.post("/imports/new", {"kind": "leads", "file": SimpleUploadedFile("x.csv", b"  ")})
    assert "x.csv está vacío. Vuelve a exportarlo" in answer.content.decode()
    run = upload(owner, TEXT.encode())
    answer = owner.post(f"/imports/{run.id}/mapping", MAPPING | {"basis": "none", "target-0": "x"})
    assert "Ninguna columna dice de quién es cada fila. Asigna una a email" in answer.content.decode()
    owner.post(f"/imports/{run.id}/mapping", MAPPING | {"basis": "none"})
    work(huerta, at)
    reason = "no es una dirección de correo: Una dirección de correo tiene que llevar una @."
    assert reason in owner.get(f"/imports/{run.id}").content.decode()
    owner.post(f"/imports/{run.id}/start")
    work(huerta, at)
    rejects = owner.get(f"/imports/{run.id}/rejects.csv")
    text = b"".join(rejects.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert text.splitlines()[1].startswith(f"3,'roto' {reason},,roto,")
    owner.post(f"/imports/{run.id}/start")
    assert "Estado de esta importación: ya está hecha." in owner.get(f"/imports/{run.id}").content.decode()


def test_a_wrong_guess_can_be_set_right(huerta: Any, owner: Client, at: datetime) -> None:
    run = upload(owner, TEXT.encode())
    answer = owner.post(
        f"/imports/{run.id}/mapping", {"what": "dialect", "encoding": "utf-8", "delimiter": ";"}, follow=True
    )
    assert "column 1" in answer.content.decode()
    run.refresh_from_db()
    assert run.dialect["has_header"] is False


def test_what_cannot_be_is_said_on_the_page(huerta: Any, owner: Client, at: datetime) -> None:
    answer = owner.post("/imports/new", {"kind": "leads", "file": SimpleUploadedFile("x.zip", b"PK\x03\x04x")})
    assert answer.status_code == 422
    assert "damaged" in answer.content.decode()
    run = upload(owner, TEXT.encode())
    answer = owner.post(f"/imports/{run.id}/mapping", MAPPING)
    assert answer.status_code == 422
    assert "needs who declares it and a document" in answer.content.decode()
    answer = owner.post(f"/imports/{run.id}/mapping", MAPPING | {"basis": "none", "target-0": "x"})
    assert "No column says who a row is about" in answer.content.decode()


def test_a_mailchimp_export_suggests_its_proof(huerta: Any, owner: Client, at: datetime) -> None:
    run = upload(owner, files.mailchimp_zip(), "export.zip")
    page = owner.get(f"/imports/{run.id}/mapping").content.decode()
    assert "an export of Mailchimp" in page
    assert 'value="proof" class="form-check-input" checked' in page or 'value="proof"' in page


def test_events_come_in_by_the_same_screens(huerta: Any, owner: Client, at: datetime) -> None:
    run = upload(owner, b"event,user_id,timestamp\nSeen,u1,2024-05-01\n", "e.csv", "events")
    said = {"time_zone": "Europe/Madrid", "target-0": "event", "target-1": "user_id", "target-2": "timestamp",
            "reading-2": "date_time-ymd"}  # fmt: skip
    assert owner.post(f"/imports/{run.id}/mapping", said).status_code == 302
    work(huerta, at)
    owner.post(f"/imports/{run.id}/start")
    work(huerta, at)
    run.refresh_from_db()
    assert (run.state, run.counts["created"]) == ("done", 1)
    assert owner.get(f"/imports/{run.id}/undo", follow=True).status_code == 200


def test_a_file_can_be_thrown_away_before_it_came_in(huerta: Any, owner: Client, at: datetime) -> None:
    run = upload(owner, TEXT.encode())
    owner.post(f"/imports/{run.id}/discard")
    assert not Import.objects.exists()
    assert 'class="empty"' in owner.get("/imports").content.decode()


@pytest.mark.parametrize("role", [Role.SALES, Role.ANALYST, Role.CLIENT])
def test_others_may_look_and_not_import(huerta: Any, owner: Client, at: datetime, role: str) -> None:
    run = upload(owner, TEXT.encode())
    client = signed_in(huerta, role, at)
    assert client.get("/imports").status_code == 200
    assert client.post("/imports/new", {}).status_code == 403
    if role == Role.ANALYST:
        assert client.get(f"/imports/{run.id}/mapping").status_code == 403
        assert client.get(f"/imports/{run.id}/rejects.csv").status_code == 403


def test_another_workspace_does_not_find_it(huerta: Any, other_co: Any, owner: Client, at: datetime) -> None:
    run = upload(owner, TEXT.encode())
    with workspace_scope(other_co.id):
        stranger = signed_in(other_co, Role.MARKETING, at)
    for path in ("", "/progress", "/mapping", "/undo", "/rejects.csv"):
        assert stranger.get(f"/imports/{run.id}{path}").status_code == 404
