"""Documents as files: what is planned is what is done, in each workspace all of it or nothing."""

import io
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from cultiva.accounts.models import AuditEntry
from cultiva.capture.models import FormVersion
from cultiva.consent.actions import publish_purpose
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.demo.filling import DEMO_FOLDER
from cultiva.documents.applying import HasDrifted, HasProblems, apply_files, apply_folder, pull
from cultiva.documents.kinds import DocumentKind, Need, Present
from cultiva.documents.models import AppliedDocument
from cultiva.documents.normal import write_yaml
from cultiva.documents.planning import Plan, plan_files
from cultiva.documents.reading import read_tree
from cultiva.documents.trees import Tree, read_folder, read_zip, write_folder, write_zip
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import read_document
from cultiva.lib.plugins import plugins
from cultiva.magnets.models import MagnetFile
from cultiva.mailing.actions import ensure_system_templates
from cultiva.nurture.models import WorkflowVersion
from cultiva.scoring.actions import primary_model
from cultiva.scoring.models import ModelVersion

PURPOSE = "purpose: calls\nchannel: phone\nlanguages: {en: {label: Call me}}\n"
MODEL = "model: KEY\ndimensions: {a: {}}\nrules: [{key: r, when: {attribute: x, is: y}, points: 1}]\n"


def files(texts: Mapping[str, str]) -> Tree:
    return {path: text.encode() for path, text in texts.items()}


def planned(workspace: Any, tree: Tree, at: datetime, **more: Any) -> Plan:
    given, problems = read_tree(tree)
    return plan_files(workspace_id=workspace.id, given=given, problems=problems, by="cli", at=at, **more)


def applied(workspace: Any, tree: Tree, at: datetime, **more: Any) -> Plan:
    given, problems = read_tree(tree)
    return apply_files(workspace_id=workspace.id, given=given, problems=problems, by="cli", at=at, **more)


@pytest.fixture
def furnished(huerta: Any, at: datetime) -> Any:
    apply_folder(workspace_id=huerta.id, folder=DEMO_FOLDER, by="cli", at=at)
    return huerta


def documents_in(tree: Tree) -> int:
    return sum(path.endswith(".yaml") for path in tree)


def statuses(plan: Plan) -> dict[str, str]:
    return {f"{step.kind}/{step.key}": step.status for step in plan.changes}


def test_the_folder_of_the_demo_is_put_in_force_in_the_order_of_its_references(furnished: Any) -> None:
    assert primary_model(furnished.id) is not None
    guide = MagnetFile.objects.get(workspace_id=furnished.id)
    assert bytes(guide.content).startswith(b"%PDF-")
    entry = AuditEntry.objects.filter(workspace_id=furnished.id, action="documents.applied").get()
    assert len(entry.detail["changes"]) == documents_in(read_folder(DEMO_FOLDER)) > 18


def test_a_pull_leaves_nothing_to_do_here_and_makes_the_same_elsewhere(
    furnished: Any, other_co: Any, at: datetime, tmp_path: Path
) -> None:
    ensure_system_templates(workspace_id=furnished.id, at=at)
    applied(furnished, files({"models/second.yaml": MODEL.replace("KEY", "second")}), at)
    tree = pull(workspace_id=furnished.id)
    assert len(write_folder(tree, tmp_path)) == len(tree) > documents_in(tree) > 20
    assert write_folder(tree, tmp_path) == []
    assert read_folder(tmp_path) == tree
    plan = planned(furnished, tree, at)
    assert (plan.changes, plan.problems, plan.only_in_product, plan.counts["unchanged"]) == (
        [],
        (),
        (),
        documents_in(tree),
    )
    there = applied(other_co, tree, at)
    assert there.counts["created"] == documents_in(tree)
    assert pull(workspace_id=other_co.id) == tree
    for workspace in (furnished, other_co):
        with workspace_scope(workspace.id):
            primary = primary_model(workspace.id)
        assert primary
        assert primary.key == "readiness"
    file = io.BytesIO()
    write_zip(tree, file)
    assert read_zip(file) == tree


def test_a_plan_changes_nothing_and_applying_again_neither(huerta: Any, at: datetime) -> None:
    tree = read_folder(DEMO_FOLDER)
    plan = planned(huerta, tree, at)
    assert plan.counts["created"] == documents_in(tree)
    assert pull(workspace_id=huerta.id) == {}
    assert not AppliedDocument.objects.filter(workspace_id=huerta.id).exists()
    assert applied(huerta, tree, at, expected=plan.digest).digest == plan.digest
    before = list(ModelVersion.objects.order_by("id").values_list("id", "version"))
    again = applied(huerta, tree, at + timedelta(days=1))
    assert again.changes == []
    assert list(ModelVersion.objects.order_by("id").values_list("id", "version")) == before
    assert AuditEntry.objects.filter(action="documents.applied").count() == 1


def test_what_is_written_otherwise_and_says_the_same_is_unchanged(furnished: Any, at: datetime) -> None:
    tree = pull(workspace_id=furnished.id)
    for path, text in tree.items():
        if path.endswith(".yaml"):
            tree[path] = b"# A comment\n" + write_yaml(read_document(text.decode())).encode()
    form = read_document(tree["forms/guia-riego.yaml"].decode())
    form["fields"][-1].setdefault("required", False)  # what is meant where nothing is said
    tree["forms/guia-riego.yaml"] = write_yaml(form).encode()
    assert planned(furnished, tree, at).changes == []
    assert applied(furnished, tree, at).changes == []


def test_a_change_is_shown_as_the_lines_that_differ(furnished: Any, at: datetime) -> None:
    tree = pull(workspace_id=furnished.id)
    path = "models/readiness.yaml"
    tree = {path: tree[path].replace(b"points: 9", b"points: 8", 1)}
    (step,) = planned(furnished, tree, at).changes
    changed = [line for line in step.diff.splitlines() if line[:1] in "+-"]
    assert changed == [f"--- present/{path}", f"+++ file/{path}", "-  points: 9", "+  points: 8"]
    tree = {"magnets/guia-riego.yaml": pull(workspace_id=furnished.id)["magnets/guia-riego.yaml"],
            "magnets/guia-riego/guia-riego-eficiente.pdf": other_pdf(furnished)}  # fmt: skip
    (step,) = planned(furnished, tree, at).changes
    assert step.status == "changed"
    assert "+file guia-riego-eficiente.pdf sha256:" in step.diff


def other_pdf(workspace: Any) -> bytes:
    content = pull(workspace_id=workspace.id)["magnets/guia-riego/guia-riego-eficiente.pdf"]
    return content + b"\n"


def test_every_problem_of_every_file_is_told_with_its_line_and_the_way_out(furnished: Any, at: datetime) -> None:
    tree = pull(workspace_id=furnished.id)
    replaced = {
        "models/readiness.yaml": (b"points: 9", b"pionts: 9"),
        "workflows/bienvenida.yaml": (b"form: guia-riego", b"form: guia-riegos"),
        "templates/boletin.yaml": (b"purpose: marketing", b"purpose: marketting"),
        "purposes/phone.yaml": (b"channel: phone", b"channel: pigeon"),
    }
    for path, (old, new) in replaced.items():
        tree[path] = tree[path].replace(old, new)
    before = pull(workspace_id=furnished.id)
    with pytest.raises(HasProblems) as caught:
        applied(furnished, tree, at)
    found = {problem.path: problem for problem in caught.value.plan.problems}
    assert set(found) == set(replaced)
    for path, (_old, new) in replaced.items():
        line = tree[path].decode().splitlines()[(found[path].line or 0) - 1]
        assert new.decode() in line, found[path]
        assert found[path].hint
    assert "did you mean `points`?" in str(found["models/readiness.yaml"])
    assert "no form `guia-riegos`\nhint: did you mean `guia-riego`?" in str(found["workflows/bienvenida.yaml"])
    assert "no purpose `marketting`\nhint: did you mean `marketing`?" in str(found["templates/boletin.yaml"])
    assert pull(workspace_id=furnished.id) == before


def test_what_waits_for_a_broken_document_is_no_second_problem(huerta: Any, at: datetime) -> None:
    tree = read_folder(DEMO_FOLDER)
    tree["policies/privacidad.yaml"] = tree["policies/privacidad.yaml"].replace(b"profiling: leg", b"profiling: Leg")
    plan = planned(huerta, tree, at)
    (problem,) = plan.problems
    assert problem.path == "policies/privacidad.yaml"
    assert "form/guia-riego" not in statuses(plan)


def test_an_error_in_the_middle_leaves_nothing(huerta: Any, at: datetime) -> None:
    tree = read_folder(DEMO_FOLDER)
    # Found by publishing alone, after much else was published: the policy does not speak the form's language.
    policy = read_document(tree["policies/privacidad.yaml"].decode())
    del policy["languages"]["en"]
    tree["policies/privacidad.yaml"] = write_yaml(policy).encode()
    with pytest.raises(HasProblems, match=r"forms/guia-riego.yaml, line \d+.*no text in `en`"):
        applied(huerta, tree, at)
    for model in (PolicyVersion, PurposeVersion, FormVersion, ModelVersion, WorkflowVersion, AppliedDocument):
        assert not model._default_manager.filter(workspace_id=huerta.id).exists()


# Drift.


def test_a_change_in_the_product_since_the_last_apply_is_drift(huerta: Any, at: datetime) -> None:
    tree = files({"purposes/calls.yaml": PURPOSE})
    applied(huerta, tree, at)
    publish_purpose(workspace_id=huerta.id, text=PURPOSE.replace("Call me", "Ring me"), at=at)
    (step,) = planned(huerta, tree, at).drift
    assert (step.status, step.drifted_since) == ("changed", at)
    assert "-    label: Ring me" in step.diff
    with pytest.raises(HasDrifted, match="since the last apply: purpose `calls`"):
        applied(huerta, tree, at)
    assert named(huerta) == "Ring me"
    applied(huerta, tree, at, overwrite=True)
    assert named(huerta) == "Call me"
    entry = AuditEntry.objects.filter(action="documents.applied").latest("id")
    assert entry.detail["overwritten"] == ["purpose/calls"]
    assert planned(huerta, tree, at).drift == []


def named(workspace: Any) -> str:
    current = PurposeVersion.current(workspace.id, "calls")
    return current.name if current else ""


def test_a_change_that_was_pulled_is_no_drift_any_more(huerta: Any, at: datetime) -> None:
    applied(huerta, files({"purposes/calls.yaml": PURPOSE}), at)
    publish_purpose(workspace_id=huerta.id, text=PURPOSE.replace("Call me", "Ring me"), at=at)
    tree = pull(workspace_id=huerta.id)
    assert applied(huerta, tree, at).changes == []
    tree = {path: text.replace(b"Ring", b"Phone") for path, text in tree.items()}
    assert statuses(applied(huerta, tree, at)) == {"purpose/calls": "changed"}
    assert named(huerta) == "Phone me"


def test_what_was_made_in_the_product_first_is_a_change_and_no_drift(huerta: Any, at: datetime) -> None:
    publish_purpose(workspace_id=huerta.id, text=PURPOSE.replace("Call me", "Ring me"), at=at)
    plan = applied(huerta, files({"purposes/calls.yaml": PURPOSE}), at)
    assert (statuses(plan), plan.drift) == ({"purpose/calls": "changed"}, [])


def test_what_was_taken_out_in_the_product_is_drift_too(huerta: Any, at: datetime) -> None:
    tree = files({"purposes/calls.yaml": PURPOSE})
    applied(huerta, tree, at)
    version = PurposeVersion.current(huerta.id, "calls")
    assert version
    version.end(by="user:1", at=at)
    (step,) = planned(huerta, tree, at).drift
    assert step.status == "created"
    applied(huerta, tree, at, overwrite=True)
    current = PurposeVersion.current(huerta.id, "calls")
    assert current
    assert current.version == 2


# Deleting.


def test_documents_only_in_the_product_stay_unless_they_are_named(furnished: Any, at: datetime) -> None:
    tree = files({"purposes/calls.yaml": PURPOSE})
    plan = applied(furnished, tree, at)
    assert ("template", "boletin") in plan.only_in_product
    plan = applied(furnished, tree, at, delete=[("template", "boletin")])
    assert statuses(plan) == {"template/boletin": "deleted"}
    assert ("template", "boletin") not in planned(furnished, tree, at).only_in_product
    assert "templates/boletin.yaml" not in pull(workspace_id=furnished.id)


UNDELETABLE = (
    (
        ("purpose", "marketing"),
        "it is used by form `descuento`, form `guia-riego`, form `webinar`, template `bienvenida-1`",
    ),
    (("purpose", "marketin"), "there is no purpose `marketin` to delete\nhint: did you mean `marketing`?"),
    (("purpos", "marketing"), "no kind of document `purpos`\nhint: did you mean `purpose`?"),
    (("purpose", "calls"), "the file is still there"),
    (("lifecycle", "ventas"), "Every lead stands in a stage"),
    (("model", "readiness"), "it is used by lifecycle `ventas`"),
)


def test_what_cannot_be_deleted_says_why(furnished: Any, at: datetime) -> None:
    for name, says in UNDELETABLE:
        with pytest.raises(HasProblems) as caught:
            applied(furnished, files({"purposes/calls.yaml": PURPOSE}), at, delete=[name])
        assert says in str(caught.value), name


def test_what_needs_each_other_is_deleted_together(furnished: Any, at: datetime) -> None:
    pages = [("page", "guia-riego"), ("page", "jornada-de-riego")]
    forms = [("form", key) for key in ("descuento", "guia-riego", "webinar")]
    names = [("workflow", "bienvenida"), *pages, *forms, ("magnet", "guia-riego"), ("policy", "privacidad")]
    plan = applied(furnished, {}, at, delete=names)
    assert set(statuses(plan).values()) == {"deleted"}
    again = applied(furnished, read_folder(DEMO_FOLDER), at)
    assert again.counts["created"] == len(names)
    version = FormVersion.current(furnished.id, "guia-riego")
    assert version
    assert version.version == 2


# Models.


def test_which_model_is_the_primary_one_stands_in_its_file(furnished: Any, at: datetime) -> None:
    second = MODEL.replace("KEY", "second")
    plan = applied(furnished, files({"models/second.yaml": second}), at)
    primary = primary_model(furnished.id)
    assert primary
    assert (statuses(plan), primary.key) == ({"model/second": "created"}, "readiness")
    assert b"primary: true" in pull(workspace_id=furnished.id)["models/readiness.yaml"]
    (step,) = applied(furnished, files({"models/second.yaml": second + "primary: true\n"}), at).changes
    assert "It takes the place of readiness as the primary model." in step.notes
    primary = primary_model(furnished.id)
    assert primary
    assert primary.key == "second"
    assert b"primary" not in pull(workspace_id=furnished.id)["models/readiness.yaml"]
    tree = read_folder(DEMO_FOLDER) | files({"models/second.yaml": second + "primary: true\n"})
    with pytest.raises(HasProblems, match="`readiness` and `second` cannot both be the primary model"):
        applied(furnished, tree, at)
    with pytest.raises(HasProblems, match="is the primary model, and none would be"):
        applied(furnished, files({"models/second.yaml": second + "primary: false\n"}), at)


# Order and circles, with a kind of document that may refer to itself.


class NoteKind(DocumentKind):
    kind, folder, label = "note", "notes", "Note"
    kept: dict[str, str] = {}

    def present(self, workspace_id: int) -> dict[str, Present]:
        return {key: Present(text, 1) for key, text in self.kept.items()}

    def needs(self, body: dict[str, Any]) -> list[Need]:
        return [Need("note", key, f"after[{n}]") for n, key in enumerate(body.get("after", []))]

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        self.kept[read_document(text)["note"]] = text
        return []


@pytest.fixture
def _notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    NoteKind.kept = {}
    monkeypatch.setitem(settings.PLUGINS, "documents", ["tests.test_documents_as_files.NoteKind"])
    plugins.cache_clear()
    yield
    plugins.cache_clear()


@pytest.mark.usefixtures("_notes")
def test_documents_come_after_those_they_name(huerta: Any, at: datetime) -> None:
    texts = {"a": "note: a\nafter: [c, b]", "b": "note: b\nafter: [c]", "c": "note: c"}
    tree = files({f"notes/{key}.yaml": text for key, text in texts.items()})
    assert [step.key for step in planned(huerta, tree, at).steps] == ["c", "b", "a"]


@pytest.mark.usefixtures("_notes")
@pytest.mark.parametrize("b", ["note: b\nafter: [c]", "note: b\nafter: [b]"])
def test_circles_are_refused_by_name(huerta: Any, at: datetime, b: str) -> None:
    NoteKind.kept = {"c": "note: c\nafter: [a]"}  # the product closes it
    tree = files({"notes/a.yaml": "note: a\nafter: [b]", "notes/b.yaml": b, "notes/d.yaml": "note: d"})
    plan = planned(huerta, tree, at)
    assert all("this goes in circles: " in problem.problem for problem in plan.problems)
    assert "notes/b.yaml" in {problem.path for problem in plan.problems}
    assert "note `b`" in plan.problems[0].problem
    assert statuses(plan) == {"note/d": "created"}
