"""Documents as files: what is planned is what is done, in each workspace all of it or nothing."""

import io
import stat
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from cultiva.accounts.models import AuditEntry
from cultiva.capture.models import FormVersion
from cultiva.consent.actions import publish_purpose
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.criteria.references import StillUsed
from cultiva.demo.filling import DEMO_FOLDER
from cultiva.documents.applying import HasDrifted, HasProblems, apply_files, apply_folder, pull
from cultiva.documents.kinds import DocumentKind, Need, Present
from cultiva.documents.models import AppliedDocument
from cultiva.documents.normal import diff, write_yaml
from cultiva.documents.planning import Plan, plan_files
from cultiva.documents.reading import read_tree
from cultiva.documents.trees import Tree, UnreadableFiles, read_folder, read_zip, write_folder, write_zip
from cultiva.leads.attributes import define
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import read_document
from cultiva.lib.plugins import plugins
from cultiva.magnets.models import MagnetFile
from cultiva.mailing.actions import ensure_system_templates
from cultiva.nurture.models import WorkflowVersion
from cultiva.scoring.actions import primary_model
from cultiva.scoring.models import ModelVersion
from cultiva.segments.actions import delete_segment, save_segment
from cultiva.segments.models import Segment

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


def statuses(plan: Plan) -> dict[str, str]:
    return {f"{step.kind}/{step.key}": step.status for step in plan.changes}


def test_the_folder_of_the_demo_is_put_in_force_in_the_order_of_its_references(furnished: Any) -> None:
    assert primary_model(furnished.id) is not None
    guide = MagnetFile.objects.get(workspace_id=furnished.id)
    assert bytes(guide.content).startswith(b"%PDF-")
    entry = AuditEntry.objects.filter(workspace_id=furnished.id, action="documents.applied").get()
    assert len(entry.detail["changes"]) == 11


def test_a_pull_leaves_nothing_to_do_here_and_makes_the_same_elsewhere(
    furnished: Any, other_co: Any, at: datetime, tmp_path: Path
) -> None:
    ensure_system_templates(workspace_id=furnished.id, at=at)
    applied(furnished, files({"models/second.yaml": MODEL.replace("KEY", "second")}), at)
    tree = pull(workspace_id=furnished.id)
    assert len(write_folder(tree, tmp_path)) == len(tree) == 16
    assert write_folder(tree, tmp_path) == []
    assert read_folder(tmp_path) == tree
    plan = planned(furnished, tree, at)
    assert (plan.changes, plan.problems, plan.only_in_product, plan.counts["unchanged"]) == ([], (), (), 15)
    there = applied(other_co, tree, at)
    assert there.counts["created"] == 15
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
    assert plan.counts["created"] == 11
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


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (("purpose", "marketing"), "it is used by form `guia-riego`, template `bienvenida-1`"),
        (("purpose", "marketin"), "there is no purpose `marketin` to delete\nhint: did you mean `marketing`?"),
        (("purpos", "marketing"), "no kind of document `purpos`\nhint: did you mean `purpose`?"),
        (("purpose", "calls"), "the file is still there"),
        (("lifecycle", "ventas"), "Every lead stands in a stage"),
        (("model", "readiness"), "it is used by lifecycle `ventas`"),
    ],
)
def test_what_cannot_be_deleted_says_why(furnished: Any, at: datetime, name: tuple[str, str], says: str) -> None:
    with pytest.raises(HasProblems) as caught:
        applied(furnished, files({"purposes/calls.yaml": PURPOSE}), at, delete=[name])
    assert says in str(caught.value)


def test_what_needs_each_other_is_deleted_together(furnished: Any, at: datetime) -> None:
    names = [("workflow", "bienvenida"), ("form", "guia-riego"), ("magnet", "guia-riego"), ("policy", "privacidad")]
    plan = applied(furnished, {}, at, delete=names)
    assert set(statuses(plan).values()) == {"deleted"}
    again = applied(furnished, read_folder(DEMO_FOLDER), at)
    assert again.counts["created"] == 4
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


# Bad files.


@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        ("purposes/calls.yaml", b"purpose: calls\npurpose: calls\n", "line 2.*duplicate key"),
        ("purposes/calls.yaml", b"x: " + b"y" * 10 * 1024**2, "holds 10485763 bytes, more than 4194304"),
        ("purposes/calls.yaml", "purpose: calls\nname: Señal".encode("latin-1"), "line 2: the bytes f1 .* no UTF-8"),
        ("purposes/calls.yaml", b'purpose: "ca\\0lls"', "NUL character"),
        ("purposes/calls.yaml", b"purpose: .nan", "nan is no number"),
        ("purposes/calls.yaml", b"purpose: !!python/object/apply:os.system [id]", "could not determine a constructor"),
        ("purposes/calls.yaml", b"purpose: &a [*a]\n", "more than 100 levels"),
        ("purposes/calls.yaml", b"a: &a [1,1,1,1,1,1,1,1,1,1]\n" + b"".join(
            b"%c: &%c [%s]\n" % (n + 1, n + 1, b",".join([b"*%c" % n] * 10)) for n in range(97, 105)),
         "holds more than 200000 values"),
        ("purposes/calls.yaml", b"- a\n", "a mapping of keys is needed, not list"),
        ("purposes/calls.yaml", b"", "a mapping of keys is needed"),
        ("purposes/calls.yaml", b"purpose: [\n", "line 2"),
        ("purposes/calls.yaml", b"purpose: 5\n", "5 is no key"),
        ("purposes/calls.yaml", b"purpose: ring\n", "rename the file to purposes/ring.yaml"),
        ("purposes/calls.yaml", b"form: calls\n", "`purpose` is missing\nhint: a form belongs in forms/"),
        ("purposes/calls.yml", b"", "does not end in .yaml"),
        ("purposes/more/calls.yaml", b"", "it is too deep"),
        ("purpose/calls.yaml", b"", "no kind of document has the folder `purpose`\nhint: did you mean `purposes`?"),
        ("calls.yaml", b"", "a document lies in the folder of its kind"),
        ("magnets/guide/guide.pdf", b"", "there is no magnets/guide.yaml"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_and_nothing_is_applied(
    huerta: Any, at: datetime, path: str, content: bytes, says: str
) -> None:
    tree = {path: content, "purposes/good.yaml": PURPOSE.replace("calls", "good").encode()}
    with pytest.raises(HasProblems, match=f"(?s){says}") as caught:
        applied(huerta, tree, at)
    (problem,) = caught.value.plan.problems
    assert problem.path == path
    assert not PurposeVersion.objects.filter(workspace_id=huerta.id).exists()


def test_other_files_of_a_repository_are_passed_over(huerta: Any, at: datetime) -> None:
    tree = files({"README.md": "# Ours", "purposes/README.md": "x", "ci/run.sh": "x", "purposes/calls.yaml": PURPOSE})
    assert applied(huerta, tree, at).counts["created"] == 1


def test_links_out_of_the_folder_are_refused_and_those_inside_are_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("x")
    folder = tmp_path / "docs"
    (folder / "purposes").mkdir(parents=True)
    (folder / ".mounted").mkdir()
    (folder / ".mounted" / "calls.yaml").write_text(PURPOSE)
    (folder / "purposes" / "calls.yaml").symlink_to("../.mounted/calls.yaml")
    assert list(read_folder(folder)) == ["purposes/calls.yaml"]
    (folder / "purposes" / "secret.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(UnreadableFiles, match=r"purposes/secret\.yaml leads out of"):
        read_folder(folder)
    (folder / "purposes" / "secret.yaml").unlink()
    (folder / "models").symlink_to(tmp_path)
    with pytest.raises(UnreadableFiles, match="models leads out of"):
        read_folder(folder)
    with pytest.raises(UnreadableFiles, match="models leads out of"):
        write_folder({"models/x.yaml": b""}, folder)


@pytest.mark.parametrize(
    "path", ["../purposes/calls.yaml", "/purposes/calls.yaml", "purposes\\calls.yaml", "C:/purposes/calls.yaml",
             "purposes/../../calls.yaml", "purposes//calls.yaml", "./purposes/calls.yaml", "purposes/ca\nlls.yaml"]
)  # fmt: skip
def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(UnreadableFiles, match="no path of a document"):
        read_zip(zipped({path: b"x"}))


def zipped(content: Mapping[str, bytes], **attributes: int) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, each in content.items():
            entry = zipfile.ZipInfo("x")
            entry.filename = path
            for name, value in attributes.items():
                setattr(entry, name, value)
            archive.writestr(entry, each)
    return file


def test_links_in_a_zip_are_refused() -> None:
    link = zipped({"purposes/calls.yaml": b"/etc/passwd"}, external_attr=(stat.S_IFLNK | 0o777) << 16)
    with pytest.raises(UnreadableFiles, match="is a link"):
        read_zip(link)


def test_a_zip_that_grows_beyond_measure_is_refused() -> None:
    bomb = zipped({f"purposes/{n}.yaml": bytes(30 * 1024**2) for n in range(5)}, compress_type=zipfile.ZIP_DEFLATED)
    assert len(bomb.getvalue()) < 1024**2
    with pytest.raises(UnreadableFiles, match="more than 100 MB"):
        read_zip(bomb)
    with pytest.raises(UnreadableFiles, match="more than 2000 files"):
        read_zip(zipped({f"purposes/{n}.yaml": b"" for n in range(2001)}))


def test_the_folder_around_a_zip_is_passed_over() -> None:
    assert read_zip(zipped({"docs/purposes/calls.yaml": b"x", "__MACOSX/docs/._x": b""})) == {
        "purposes/calls.yaml": b"x"
    }


# The normal form.

words = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words
bodies = st.dictionaries(
    words, st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4)),
    max_size=5,
)  # fmt: skip


@for_all(bodies)
def test_the_normal_form_reads_as_what_was_written(body: dict[str, Any]) -> None:
    assert read_document(write_yaml(body)) == body


@for_all(bodies, bodies)
def test_there_is_a_diff_exactly_where_something_differs(one: dict[str, Any], other: dict[str, Any]) -> None:
    shuffled = dict(reversed(list(one.items())))
    assert diff(one, shuffled, name="x") == ""
    assert bool(diff(one, other, name="x")) == (write_yaml(one) != write_yaml(other) and one != other)


# Segments.

CUSTOMERS = """# Those who bought.
segment: customers
name: Customers
folder: Sales
tags: [vip]
criteria:
  all:
    - {stage: customer}   # in the lifecycle, which names a segment in turn
    - {segment: spain}
"""
SPAIN = "segment: spain\ncriteria: {attribute: country, is: ES}\n"
FAIR = "segment: fair\nname: Fair\nkind: fixed\n"
STAGES = """lifecycle: sales
stages: [{key: lead}, {key: known}, {key: customer}]
transitions: [{key: knows, from: lead, to: known, when: {segment: spain}}]
"""


@pytest.fixture
def segments(huerta: Any, at: datetime) -> Tree:
    define(workspace_id=huerta.id, subject="lead", key="country", type="text", at=at)
    return files(
        {"segments/customers.yaml": CUSTOMERS, "segments/spain.yaml": SPAIN, "segments/fair.yaml": FAIR,
         "lifecycles/sales.yaml": STAGES}
    )  # fmt: skip


def test_segments_come_and_go_with_their_comments(huerta: Any, segments: Tree, at: datetime) -> None:
    plan = applied(huerta, segments, at)
    assert plan.counts["created"] == 4
    order = [step.key for step in plan.steps]
    assert order.index("spain") < order.index("sales") < order.index("customers")
    assert pull(workspace_id=huerta.id) == segments
    assert planned(huerta, segments, at).changes == []
    found = Segment.objects.get(workspace_id=huerta.id, key="customers")
    assert (found.name, found.folder, found.tags, found.kind) == ("Customers", "Sales", ["vip"], "dynamic")
    before = AuditEntry.objects.count()
    segments["segments/spain.yaml"] = (SPAIN + "kind: dynamic\nonly_valid: true\n").encode()
    assert applied(huerta, segments, at).changes == []
    assert AuditEntry.objects.count() == before


def test_a_segment_changed_on_the_screen_is_drift(huerta: Any, segments: Tree, at: datetime) -> None:
    applied(huerta, segments, at)
    criteria = {"attribute": "country", "is": "PT"}
    save_segment(workspace_id=huerta.id, key="spain", name="Iberia", criteria=criteria, by="user:1", at=at)
    (step,) = planned(huerta, segments, at).drift
    assert "-name: Iberia" in step.diff
    assert "-  is: PT\n+  is: ES" in step.diff
    assert b"name: Iberia" in pull(workspace_id=huerta.id)["segments/spain.yaml"]


def test_segments_that_ask_for_each_other_are_refused_by_name(huerta: Any, segments: Tree, at: datetime) -> None:
    segments["segments/spain.yaml"] = b"segment: spain\ncriteria: {segment: customers}\n"
    plan = planned(huerta, segments, at)
    assert {problem.path for problem in plan.problems} == {"segments/spain.yaml", "segments/customers.yaml"}
    assert "segment `customers` → segment `spain` → segment `customers`" in plan.problems[0].problem.replace(
        "segment `spain` → segment `customers` → segment `spain`",
        "segment `customers` → segment `spain` → segment `customers`",
    )


def test_every_unknown_name_of_a_segment_is_told_with_its_line(huerta: Any, segments: Tree, at: datetime) -> None:
    segments["segments/spain.yaml"] = (
        b"segment: spain\ncriteria:\n  any:\n    - {attribute: contry, is: ES}\n    - {event: page}\n"
        b"    - {tag: x}\n    - {attribute: countri, is: ES}\n    - {segment: fare}\n"
    )
    plan = planned(huerta, segments, at)
    (problem,) = plan.problems
    assert str(problem) == (
        "segments/spain.yaml, line 8, criteria.any[4].segment: there is no segment `fare`\nhint: did you mean `fair`?"
    )
    segments["segments/spain.yaml"] = segments["segments/spain.yaml"].replace(b"fare", b"fair")
    plan = planned(huerta, segments, at)
    assert [(each.line, each.hint) for each in plan.problems if "attribute" in each.place] == [
        (4, "did you mean `country`?"), (7, "did you mean `country`?"),
    ]  # fmt: skip


def test_a_segment_in_use_is_not_deleted(huerta: Any, segments: Tree, at: datetime) -> None:
    applied(huerta, segments, at)
    del segments["segments/spain.yaml"]
    with pytest.raises(HasProblems, match="it is used by lifecycle `sales`, segment `customers`"):
        applied(huerta, segments, at, delete=[("segment", "spain")])
    segment = Segment.objects.get(workspace_id=huerta.id, key="spain")
    with pytest.raises(StillUsed, match="lifecycle `sales`"):  # on the screen, too
        delete_segment(workspace_id=huerta.id, segment_id=segment.id, by="user:1", at=at)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("segment: spain\n", "a dynamic segment has criteria"),
        ("segment: spain\nkind: fixed\ncriteria: {all: []}\n", "a fixed segment has no criteria"),
        ("segment: spain\nkind: frozen\ncriteria: {all: []}\n", "no kind 'frozen' of segment"),
        ("segment: spain\ncriteria: {attribute: country, iz: ES}\n", "line 2.*iz"),
        ("segment: spain\ncriteria: {all: []}\ntags: vip\n", "line 3, tags: 'vip' cannot stand here"),
        ("segment: spain\ncriteria: {all: []}\nfolde: x\n", "line 3.*unknown key `folde`\nhint: did you mean `folder`"),
    ],
)
def test_a_bad_segment_is_named(huerta: Any, segments: Tree, at: datetime, text: str, says: str) -> None:
    segments["segments/spain.yaml"] = text.encode()
    with pytest.raises(HasProblems, match=f"(?s){says}"):
        applied(huerta, segments, at)
