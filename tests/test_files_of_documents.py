"""Files on their way to documents: bad ones, links, archives, and the normal form they are compared in."""

import io
import stat
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from cultiva.consent.models import PurposeVersion
from cultiva.documents.applying import HasProblems
from cultiva.documents.normal import diff, write_yaml
from cultiva.documents.trees import UnreadableFiles, read_folder, read_zip, write_folder
from cultiva.lib.documents import read_document
from tests.test_documents_as_files import PURPOSE, applied, files


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
