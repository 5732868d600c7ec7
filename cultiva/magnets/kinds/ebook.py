import re

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from cultiva.magnets.kinds import Delivery, MagnetKind
from cultiva.magnets.models import Grant

MAX_BYTES = 25 * 1024 * 1024


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
    if len(content) > MAX_BYTES:
        raise ValidationError(_("This file is larger than 25 MB."))


class Ebook(MagnetKind):
    kind = "ebook"
    label = _("Ebook")

    class Settings(forms.Form):
        file = forms.FileField(label=_("PDF file"), max_length=160, validators=[check_pdf])

    def deliver(self, grant: Grant) -> Delivery:
        file = self.stored_file("file", grant)
        return Delivery(name=file.name, content_type="application/pdf", content=bytes(file.content))
