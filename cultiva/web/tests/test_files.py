"""Documents as files by clicking: what is there, a ZIP that comes in, what it would change, and that it does."""

import io
import re
import zipfile
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cultiva.accounts.models import AuditEntry, Role, User
from cultiva.consent.models import PurposeVersion
from cultiva.demo.filling import DEMO_FOLDER
from cultiva.documents.applying import apply_folder
from cultiva.documents.kinds import kinds
from cultiva.documents.models import UploadedFiles
from cultiva.web.tests.test_api_keys import signed_in

PURPOSE = "purpose: calls\nchannel: phone\nlanguages: {en: {label: Call me}}\n"


@pytest.fixture
def owner(huerta: Any, at: datetime) -> Client:
    apply_folder(workspace_id=huerta.id, folder=DEMO_FOLDER, by="cli", at=at)
    return signed_in(huerta, Role.OWNER, at)


def a_zip(files: Mapping[str, str]) -> SimpleUploadedFile:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return SimpleUploadedFile("documents.zip", content.getvalue(), content_type="application/zip")


def plan_of(client: Client, files: Mapping[str, str]) -> str:
    answer = client.post("/settings/files/upload", {"file": a_zip(files)}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def digest_in(page: str) -> str:
    found = re.search(r'name="digest" value="(\w+)"', page)
    assert found
    return found[1]


def test_a_zip_of_what_is_there_changes_nothing(owner: Client, huerta: Any) -> None:
    page = owner.get("/settings/files").content.decode()
    assert "readiness" in page
    assert "applied from files" in page
    answer = owner.get("/settings/files.zip")
    assert 'filename="huerta-documents.zip"' in answer.headers["Content-Disposition"]
    upload = SimpleUploadedFile("all.zip", answer.content, content_type="application/zip")
    page = owner.post("/settings/files/upload", {"file": upload}, follow=True).content.decode()
    assert "Nothing to do" in page
    assert re.search(r"\d\d documents stay as they are", page)


def test_a_zip_is_looked_at_and_then_applied(owner: Client, huerta: Any) -> None:
    page = plan_of(owner, {"docs/purposes/calls.yaml": PURPOSE})
    assert "purposes/calls.yaml" in page
    assert "+purpose: calls" in page
    assert PurposeVersion.current(huerta.id, "calls") is None
    page = owner.post("/settings/files/apply", {"digest": digest_in(page)}, follow=True).content.decode()
    assert "1 document is in force" in page
    assert PurposeVersion.current(huerta.id, "calls")
    entry = AuditEntry.objects.filter(workspace_id=huerta.id, action="documents.applied").latest("id")
    assert entry.detail == {"changes": ["created purpose/calls"]}
    assert entry.actor.startswith("user:")
    assert not UploadedFiles.objects.filter(workspace_id=huerta.id).exists()


def test_only_the_plan_that_was_shown_is_applied(owner: Client, huerta: Any) -> None:
    digest = digest_in(plan_of(owner, {"purposes/calls.yaml": PURPOSE}))
    plan_of(owner, {"purposes/calls.yaml": PURPOSE.replace("Call me", "Ring me")})
    answer = owner.post("/settings/files/apply", {"digest": digest})
    assert answer.status_code == 409
    assert "has changed since you looked" in answer.content.decode()
    assert owner.post("/settings/files/apply", {}).status_code == 409
    assert PurposeVersion.current(huerta.id, "calls") is None


def test_what_is_wrong_is_told_with_its_line_and_nothing_can_be_applied(owner: Client) -> None:
    files = {"purposes/calls.yaml": PURPOSE.replace("phone", "pigeon"), "modls/x.yaml": "model: x"}
    page = plan_of(owner, files)
    assert "This cannot be applied" in page
    assert "line 2" in page
    assert "pigeon" in page
    assert "did you mean `models`?" in page
    assert 'action="/settings/files/apply"' not in page


def test_a_change_in_the_product_is_overwritten_only_where_that_is_ticked(
    owner: Client, huerta: Any, at: datetime
) -> None:
    plan = plan_of(owner, {"purposes/calls.yaml": PURPOSE})
    owner.post("/settings/files/apply", {"digest": digest_in(plan)})
    from cultiva.consent.actions import publish_purpose

    publish_purpose(workspace_id=huerta.id, text=PURPOSE.replace("Call me", "Ring me"), at=at)
    assert "changed here since the last apply" in owner.get("/settings/files").content.decode()
    page = plan_of(owner, {"purposes/calls.yaml": PURPOSE})
    assert "Overwrite what was changed here" in page
    assert owner.post("/settings/files/apply", {"digest": digest_in(page)}).status_code == 409
    answer = owner.post("/settings/files/apply", {"digest": digest_in(page), "overwrite": "on"}, follow=True)
    assert "1 document is in force" in answer.content.decode()
    current = PurposeVersion.current(huerta.id, "calls")
    assert current
    assert current.name == "Call me"


def test_a_document_without_a_file_goes_only_where_it_is_ticked(owner: Client, huerta: Any) -> None:
    page = plan_of(owner, {"purposes/calls.yaml": PURPOSE})
    assert 'value="template/boletin"' in page
    page = owner.get("/settings/files/plan?delete=template/boletin&delete=purpose/phone").content.decode()
    assert "it is used by form `guia-riego`" in page
    page = owner.get("/settings/files/plan?delete=template/boletin").content.decode()
    assert "templates/boletin.yaml" in page
    owner.post("/settings/files/apply", {"digest": digest_in(page), "delete": "template/boletin"})
    assert owner.get("/settings/files/template/boletin").status_code == 404


def test_what_is_no_zip_is_refused(owner: Client) -> None:
    for content in (b"", b"PK\x03\x04 broken", b"hello"):
        answer = owner.post("/settings/files/upload", {"file": SimpleUploadedFile("x.zip", content)})
        assert answer.status_code == 422, content
        assert "invalid-feedback" in answer.content.decode()


def test_a_document_is_shown_escaped_and_downloaded_as_it_is(owner: Client) -> None:
    digest = digest_in(plan_of(owner, {"purposes/calls.yaml": PURPOSE.replace("Call me", "<b>Call</b> me")}))
    owner.post("/settings/files/apply", {"digest": digest})
    page = owner.get("/settings/files/purpose/calls").content.decode()
    assert "&lt;b&gt;Call&lt;/b&gt; me" in page
    answer = owner.get("/settings/files/purpose/calls?download")
    assert answer.content.decode() == PURPOSE.replace("Call me", "<b>Call</b> me")
    assert owner.get("/settings/files/purpose/nix").status_code == 404
    assert owner.get("/settings/files/nix/calls").status_code == 404


def test_roles_that_may_not_apply_only_look(owner: Client, huerta: Any, other_co: Any, at: datetime) -> None:
    for role in set(Role.values) - {Role.OWNER, Role.MARKETING}:
        client = signed_in(huerta, role, at)
        assert client.get("/settings/files").status_code == 200
        assert (
            client.post("/settings/files/upload", {"file": a_zip({"purposes/calls.yaml": PURPOSE})}).status_code == 403
        )
        assert client.get("/settings/files/plan").status_code == 403
        assert client.post("/settings/files/apply", {"digest": "x"}).status_code == 403
    analyst = Client()
    analyst.force_login(
        next(m.user for m in huerta_members(huerta) if m.role == Role.ANALYST),
        backend="cultiva.accounts.signing_in.PasswordBackend",
    )
    assert analyst.get("/settings/files.zip").status_code == 403
    assert analyst.get("/settings/files/model/readiness").status_code == 403


def huerta_members(workspace: Any) -> Any:
    from cultiva.accounts.models import Membership

    return Membership.objects.filter(workspace_id=workspace.id).select_related("user").order_by("id")


BAD = {  # {path: (text, what is said of it in Spanish)}
    "consent/workspace.yaml": (
        "consent_rules: workspace\njurisdiction: XX\n", "no hay ningún perfil para &#x27;XX&#x27;"
    ),
    "policies/aviso.yaml": (
        "policy: aviso\ncontroller: {name: Riega}\nprofiling: x\nlanguages: {es: {}}", "falta `address`"
    ),
    "purposes/sms.yaml": ("purpose: sms\nchannel: [sms\n", "no es YAML"),
    "magnets/guia.yaml": ("magnet: guia\nfile: guia.pdf\n", "clave desconocida `file`"),
    "templates/hola.yaml": ("template: hola\npurpose: x\n", "falta `languages`"),
    "forms/alta.yaml": ("form: alta\npolicy: nada\n", "no existe policy `nada`"),
    "models/otro.yaml": ("model: otro\ndimensions: {a: {}}\nrules: []\n", "la lista está vacía"),
    "segments/eses.yaml": ("segment: eses\ncriteria: {attribute: contry, is: ES}\n", "no hay attribute `contry`"),
    "personas/jefa.yaml": (
        "persona: jefa\nnombre: Jefa\ncriteria: []\n", "clave desconocida `nombre`"
    ),
    "lifecycles/otro.yaml": ("lifecycle: otro\nstages: [{key: lead, aside: 7}]\n", "7 no es ni true ni false"),
    "workflows/otro.yaml": (
        "workflow: otro\npurpose: marketing\nentry: {event: page}\nstart: a\nnodes: {a: {wait: {days: 1}, next: b}}\n",
        "no existe el nodo `b`",
    ),
    "cookies/site.yaml": ("cookie_notice: site\ncolour: verde\nlanguages: {es: {}}\n", "no es un color"),
    "pages/otra.yaml": ("page: otra\nblocks: []\n", "falta `languages`"),
    "connectors/otro.yaml": ("connector: otro\nkind: fax\nname: Otro\n", "&#x27;fax&#x27;"),
    "campaigns/otra.yaml": ("campaign: otra\nobjective: fama\n", "&#x27;fama&#x27; no se conoce"),
    "modls/otro.yaml": ("model: otro\n", "ningún tipo de documento tiene la carpeta `modls`"),
}  # fmt: skip


def test_what_is_wrong_with_any_kind_of_document_is_said_in_the_readers_language(owner: Client) -> None:
    assert {path.partition("/")[0] for path in BAD} == {kind.folder for kind in kinds().values()} | {"modls"}
    User.objects.update(language="es")
    page = plan_of(owner, {path: text for path, (text, _said) in BAD.items()})
    assert "Esto no se puede aplicar" in page
    assert not [said for _text, said in BAD.values() if said not in page]
    for english in ("is missing", "did you mean", "unknown key", "no node", "known:", "is needed", "line "):
        assert english not in page
