"""Files that people send: let in by what they hold, never by what they call themselves."""

import hashlib
import re
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.functional import Promise
from django.utils.translation import gettext as translate
from django.utils.translation import gettext_lazy as _

MOST_MB = 10
LONGEST_NAME = 120
# An office file unpacks to a few times its size. Zip bombs of one layer reach a ratio of 1,032 (deflate's limit).
MOST_UNPACKED_BYTES = 100 * 1024 * 1024
MOST_RATIO = 100
MOST_MEMBERS = 5_000
UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069/\\:*?"<>|]+')
OFFICE = {  # a member that only this sort of file has: (ending, content type)
    "word/document.xml": ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "xl/workbook.xml": ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "ppt/presentation.xml": ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
}
OPEN_DOCUMENT = {
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
}


@dataclass(frozen=True)
class Sort:
    """`endings`: {ending: content type} of the files that belong to it."""

    label: str | Promise
    endings: dict[str, str]


SORTS = {
    "pdf": Sort(_("PDF"), {"pdf": "application/pdf"}),
    "image": Sort(
        _("pictures (PNG, JPEG, WebP, GIF)"),
        {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "gif": "image/gif"},
    ),
    "office": Sort(
        _("office files (Word, Excel, PowerPoint, OpenDocument)"),
        dict(OFFICE.values()) | {ending: kind for kind, ending in OPEN_DOCUMENT.items()},
    ),
    "text": Sort(_("plain text and CSV"), {"txt": "text/plain", "csv": "text/csv"}),
}


@dataclass(frozen=True)
class Upload:
    """A file that was let in. `name` is safe to show and to save under; its ending is that of its content."""

    name: str
    content_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class BadUpload(ValueError):
    """`reason`: too_large, wrong_sort, bomb, broken."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_upload(file: "UploadedFile[bytes]", *, sorts: Sequence[str], most_bytes: int) -> Upload:
    """Raises BadUpload."""
    if (file.size or 0) > most_bytes:
        raise BadUpload("too_large")
    content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise BadUpload("too_large")
    ending = ending_of(content, str(file.name or ""))
    taken = {each: kind for sort in sorts for each, kind in SORTS[sort].endings.items()}
    if ending not in taken:
        raise BadUpload("wrong_sort")
    return Upload(safe_name(str(file.name or ""), ending), taken[ending], content)


def ending_of(content: bytes, name: str) -> str:
    """By the content; "" for what we do not let in. Raises BadUpload for archives that are no honest office file."""
    if content[:1024].lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(b"%PDF-"):
        return "pdf"
    for ending, start in (("png", b"\x89PNG\r\n\x1a\n"), ("jpg", b"\xff\xd8\xff"), ("gif", b"GIF8")):
        if content.startswith(start):
            return ending
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "webp"
    if content.startswith(b"PK\x03\x04"):
        return _office_ending(content)
    return _text_ending(content, name)


def _office_ending(content: bytes) -> str:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            if len(members) > MOST_MEMBERS or unpacked > min(MOST_UNPACKED_BYTES, MOST_RATIO * len(content)):
                raise BadUpload("bomb")
            names = {member.filename for member in members}
            for member, (ending, _kind) in OFFICE.items():
                if member in names and not any(name.endswith("vbaProject.bin") for name in names):  # no macros
                    return ending
            if members and members[0].filename == "mimetype" and members[0].file_size < 100:
                return OPEN_DOCUMENT.get(archive.read("mimetype").decode("ascii", "replace"), "")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise BadUpload("broken") from error
    return ""


def _text_ending(content: bytes, name: str) -> str:
    """Text is what is UTF-8 without control characters, and is no markup that a browser would run."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return ""
    if not text or re.search(r"[\x00-\x08\x0e-\x1f]", text) or text.lstrip("\ufeff \r\n\t").startswith("<"):
        return ""
    return "csv" if name.lower().endswith(".csv") else "txt"


def safe_name(name: str, ending: str) -> str:
    """The last part of a name, without what could mislead or leave a folder, with the ending of its content."""
    base = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    stem = base.rpartition(".")[0] or base
    stem = UNSAFE.sub("_", stem).strip(" ._")[: LONGEST_NAME - len(ending) - 1]
    return f"{stem or 'file'}.{ending}"


def accept_of(sorts: Sequence[str]) -> str:
    """The `accept` of a picker of files."""
    return ",".join(f".{ending}" for sort in sorts for ending in SORTS[sort].endings)


class UploadField(forms.FileField):
    """A file, cleaned to an `Upload`: of a sort that is let in, by its content and not by its name."""

    def __init__(self, *, sorts: list[str], most_mb: int, **options: Any) -> None:
        super().__init__(**options)
        self.sorts, self.most_mb = sorts, most_mb

    def clean(self, data: Any, initial: Any = None) -> Any:
        file = super().clean(data, initial)
        if not isinstance(file, UploadedFile):
            return None
        try:
            return read_upload(file, sorts=self.sorts, most_bytes=self.most_mb * 1024 * 1024)
        except BadUpload as bad:
            said = {
                "too_large": translate("The file is larger than %(mb)d MB."),
                "wrong_sort": translate("A file of this sort is not taken. Taken are: %(sorts)s."),
                "bomb": translate("The file is packed too tightly to be opened safely."),
                "broken": translate("The file is damaged: it cannot be opened."),
            }[bad.reason]
            sorts = ", ".join(str(SORTS[sort].label) for sort in self.sorts)
            raise ValidationError(said % {"mb": self.most_mb, "sorts": sorts}) from bad
