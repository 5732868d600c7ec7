"""Every kind of field: what it takes, what it makes of an answer, and what it refuses."""

import io
import zipfile
from datetime import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.datastructures import MultiValueDict

from cultiva.capture.actions import publish_form
from cultiva.capture.forms import CaptureForm, show_form
from cultiva.capture.tests.documents import publish_all
from cultiva.lib.documents import DocumentError
from cultiva.lib.plugins import plugins
from cultiva.magnets.tests.documents import make_pdf

HEAD = "form: prueba\nobjective: quote\npolicy: privacy\nfields:\n"
EMAIL = "  - {key: email, kind: email, required: true, label: {es: Correo}}\n"
TAIL = "languages:\n  es: {title: Prueba, button: Enviar, thanks: Gracias}\n"


@pytest.fixture(autouse=True)
def documents(huerta: Any, at: datetime) -> None:
    publish_all(huerta.id, at)


def form_with(workspace: Any, at: datetime, field: str, **values: Any) -> CaptureForm:
    """A form with one more field, filled in; `x` is that field's name."""
    publish_form(workspace_id=workspace.id, text=f"{HEAD}{EMAIL}  - {field}\n{TAIL}", at=at)
    shown = show_form(workspace_id=workspace.id, key="prueba", languages=["es"], at=at)
    assert shown
    files = {name: value for name, value in values.items() if isinstance(value, SimpleUploadedFile)}
    fields: dict[str, list[str]] = {"email": ["ana@example.com"], "policy-accepted": ["on"]}
    for name, value in values.items():
        if name not in files:
            fields[name] = value if isinstance(value, list) else [value]
    return CaptureForm(shown, MultiValueDict(fields), MultiValueDict({name: [file] for name, file in files.items()}))


CHOICES = "choices: [{value: a, label: {es: Uno}}, {value: b, label: {es: Dos}}]"
TAKEN: list[tuple[str, Any, Any]] = [
    ("kind: text", "Ana\r\nBcc: x", "Ana Bcc: x"),
    ("kind: long_text", "uno\r\ndos\x07", "uno\ndos"),
    ("kind: number", "12", 12),
    ("kind: number, decimals: 2", "12,50", 12.5),
    ("kind: number, min: 1, max: 9", "9", 9),
    ("kind: date", "2026-05-01", "2026-05-01"),
    ("kind: date", "01/05/2026", "2026-05-01"),
    ("kind: phone", "600 000 000", "+34600000000"),
    ("kind: phone, country: MX", "55 5658 1111", "+525556581111"),
    (f"kind: choice, {CHOICES}", "a", "a"),
    (f"kind: choice, shown_as: buttons, {CHOICES}", "b", "b"),
    (f"kind: multi_choice, {CHOICES}", ["a", "b"], ["a", "b"]),
    ("kind: country", "ES", "ES"),
    ("kind: rating", "4", 4),
    ("kind: rating, most: 10, low: {es: mal}, high: {es: bien}", "10", 10),
    ("kind: hidden, value: blog", "", ""),
    ("kind: hidden, parameter: ref", "amigo", "amigo"),
]  # fmt: skip
REFUSED: list[tuple[str, Any]] = [
    ("kind: text, max_length: 3", "cuatro"),
    ("kind: number", "doce"),
    ("kind: number", "1.5"),
    ("kind: number", "NaN"),
    ("kind: number", "1e400"),
    ("kind: number, min: 1, max: 9", "10"),
    ("kind: date", "2026-02-30"),
    ("kind: date", "0206-01-01"),
    ("kind: date, first: 2026-01-01, last: 2026-12-31", "2027-01-01"),
    ("kind: phone", "12"),
    (f"kind: choice, {CHOICES}", "c"),
    (f"kind: multi_choice, {CHOICES}", ["a", "c"]),
    ("kind: country", "XX"),
    ("kind: rating", "6"),
    ("kind: rating", "0"),
]


@pytest.mark.parametrize(("field", "answer", "stored"), TAKEN)
def test_a_kind_takes_its_answers(huerta: Any, at: datetime, field: str, answer: Any, stored: Any) -> None:
    form = form_with(huerta, at, f"{{key: x, label: {{es: X}}, {field}}}", x=answer)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["x"] == stored


@pytest.mark.parametrize(("field", "answer"), REFUSED)
def test_a_kind_refuses_what_is_no_answer(huerta: Any, at: datetime, field: str, answer: Any) -> None:
    form = form_with(huerta, at, f"{{key: x, label: {{es: X}}, {field}}}", x=answer)
    assert list(form.errors) == ["x"]


def test_every_kind_is_shown(huerta: Any, at: datetime) -> None:
    needed = {
        "choice": f", {CHOICES}",
        "multi_choice": f", {CHOICES}",
        "content": ", text: {es: 'Un **texto** <b>x</b>'}",
    }
    for kind in plugins("fields"):
        if kind != "email":
            field = f"{{key: x, kind: {kind}, label: {{es: Pregunta}}{needed.get(kind, '')}}}"
            form = form_with(huerta, at, field)
            drawn = "".join(str(part.question) + part.html for step in form.steps for part in step.parts)
            assert "<b>x</b>" not in drawn
            assert form.is_valid(), (kind, form.errors)
            assert "step" not in kind or len(form.steps) == 2


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("{key: x, kind: number, label: {es: X}, min: 9, max: 1}", "above the largest"),
        ("{key: x, kind: date, label: {es: X}, first: 2026-02-01, last: 2026-01-01}", "after the last"),
        ("{key: x, kind: phone, label: {es: X}, country: XX}", "two letters"),
        ("{key: x, kind: file, label: {es: X}, sorts: [exe]}", "exe is not one of"),
        ("{key: x, kind: file, label: {es: X}, most_mb: 11}", "most_mb"),
        ("{key: x, kind: rating, label: {es: X}, most: 99}", "most"),
        ("{key: x, kind: content, text: {en: Only}}", "no text in `es`"),
        ("{key: email, kind: phone, label: {es: X}}", "cannot be called `email`"),
        ("{key: x, kind: step, label: {es: X}, when: {attribute: email, is: a}}", "always there"),
        ("{key: x, kind: file, label: {es: X}, ask: unknown}", "has no `ask`"),
        ("{key: x, kind: text, label: {es: X}, when: {attribute: later, is: a}}", "is not asked before"),
        ("{key: x, kind: text, label: {es: X}, when: {event: page}}", "the answers alone"),
        ("{key: x, kind: text, label: {es: X}, when: {attribute: email, matches: a}}", "cannot be asked of answers"),
        ("{key: x, kind: text, label: {es: X}, when: {attribute: email}}", "no operator"),
    ],
)
def test_it_says_what_is_wrong_with_a_field(huerta: Any, at: datetime, field: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        form_with(huerta, at, field)


def office(member: str = "word/document.xml", size: int = 200, more: int = 0) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, b"0" * size)
        for n in range(more):
            archive.writestr(f"x{n}", b"")
    return file.getvalue()


PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 30
FILES: list[tuple[str, bytes, str | None]] = [
    ("guia.pdf", make_pdf(), "guia.pdf"),
    ("guia.exe", make_pdf(), "guia.pdf"),
    ("foto.jpeg", b"\xff\xd8\xff\xe0" + b"x" * 20, "foto.jpg"),
    ("foto.png", PNG, "foto.png"),
    ("plan.docx", office(), "plan.docx"),
    ("plan.docm", office("word/vbaProject.bin"), None),
    ("notas.csv", "a;b\ncamión;1".encode(), "notas.csv"),
    ("notas", b"hola", "notas.txt"),
    ("../../etc/passwd", b"root", "passwd.txt"),
    ("..\\..\\a\u202egnp.exe", PNG, "a_gnp.png"),
    ("x" * 300 + ".png", PNG, "x" * 116 + ".png"),
    (".htaccess", b"Deny from all", "htaccess.txt"),
    ("...", b"dots", "file.txt"),
    ("run.exe", b"MZ\x90\x00\x03", None),
    ("page.pdf", b"<html><script>alert(1)</script>", None),
    ("logo.svg", b'<?xml version="1.0"?><svg onload="x"/>', None),
    ("latin.txt", "camión".encode("latin-1"), None),
    ("all.zip", office("x.txt"), None),
    ("torn.docx", office()[:60], None),
    ("bomb.docx", office(size=30_000_000), None),
    ("many.docx", office(more=6_000), None),
    ("large.pdf", b"%PDF-" + b"0" * (1024 * 1024), None),
]


@pytest.mark.parametrize(("name", "content", "kept"), FILES, ids=[file[0][:20] for file in FILES])
def test_files_are_let_in_by_what_they_hold(
    huerta: Any, at: datetime, name: str, content: bytes, kept: str | None
) -> None:
    file = SimpleUploadedFile("x", content)
    file._name = name  # type: ignore[attr-defined]  # Django's own setter would mend it first
    form = form_with(huerta, at, "{key: x, kind: file, label: {es: X}, most_mb: 1}", x=file)
    assert form.is_valid() == bool(kept)
    if kept:
        assert form.cleaned_data["x"].name == kept
        assert form.cleaned_data["x"].content == content
