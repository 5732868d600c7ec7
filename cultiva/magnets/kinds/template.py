from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.lib.uploads import UploadField
from cultiva.magnets.kinds.files import MAX_MB, FileKind, FileSettings


class TemplateSettings(FileSettings):
    file: forms.Field = UploadField(
        sorts=["pdf", "office", "text"], most_mb=MAX_MB, max_length=160, required=False, label=_("File")
    )


class Template(FileKind):
    kind = "template"
    label = _("Template")
    icon = "copy"
    what_it_is = _("A sheet or document to fill in: Office, OpenDocument, CSV or PDF.")
    Settings = TemplateSettings
