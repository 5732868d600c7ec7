"""What kinds share that give a file: it was uploaded, or it lies at an address; with a cover if there is one."""

import re
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from cultiva.lib.uploads import Upload, UploadField
from cultiva.magnets.kinds import Delivery, MagnetKind, Redirect
from cultiva.magnets.models import Grant

MAX_MB, MAX_COVER_MB = 25, 1


def check_pdf(file: "UploadedFile[bytes]") -> None:
    """By content, whatever its name says: header, end, and a cross-reference where the end says it is.

    ISO 32000-1, 7.5.2 and 7.5.5; readers accept the header within the first 1,024 bytes (its annex H.3.13).
    """
    content = file.read()
    file.seek(0)
    head = re.search(rb"%PDF-[12]\.\d", content[:1024])
    ends = re.findall(rb"startxref\s+(\d{1,10})\s+%%EOF", content[-1024:])
    offset = int(ends[-1]) + (head.start() if head else 0) if ends else 0
    if not (head and ends and re.match(rb"\s*(xref|\d+ \d+ obj)", content[offset : offset + 32])):
        raise ValidationError(_("This file is not a PDF."))


class PdfField(UploadField):
    def __init__(self, **options: Any) -> None:
        super().__init__(sorts=["pdf"], most_mb=MAX_MB, max_length=160, required=False, **options)

    def clean(self, data: Any, initial: Any = None) -> Upload | None:
        if isinstance(data, UploadedFile) and data.size:
            check_pdf(data)
        found: Upload | None = super().clean(data, initial)
        return found


class LinkField(forms.URLField):
    def __init__(self, **options: Any) -> None:
        super().__init__(assume_scheme="https", max_length=500, **options)

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and not str(value).startswith("https://"):
            raise ValidationError(_("The address must begin with https://."))


def cover_field() -> UploadField:
    return UploadField(
        sorts=["image"], most_mb=MAX_COVER_MB, max_length=160, required=False, label=_("Cover"),
        help_text=_("A picture, for the library; up to 1 MB."),
    )  # fmt: skip


class FileSettings(forms.Form):
    """`file` or `link`, one of them. A kind of one sort of file brings its own `file`."""

    file: forms.Field = PdfField(label=_("PDF file"))
    link = LinkField(
        label=_("Or its address"), required=False, help_text=_("Where the file lies, if it is not uploaded here.")
    )
    cover = cover_field()

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        file, link = found.get("file"), found.get("link")
        if not file and not link and not self.errors:
            self.add_error("file", _("Give the file, or the address where it lies."))
        if file and link:
            self.add_error("link", _("Give the file or its address, not both."))
        return found


class FileKind(MagnetKind):
    icon = "file-download"
    opens_as = "download"
    Settings = FileSettings

    def deliver(self, grant: Grant, at: datetime) -> Delivery | Redirect:
        if link := self.settings.get("link"):
            return Redirect(link)
        file = self.stored_file("file", grant)
        return Delivery(name=file.name, content_type=file.content_type, content=bytes(file.content))
