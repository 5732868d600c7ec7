from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as translate
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind
from cultiva.capture.uploads import MOST_MB, SORTS, BadUpload, Upload, accept_of, read_upload

DEFAULT_MB = 5


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


class File(FieldKind):
    kind = "file"
    label = _("File")
    is_attribute = False

    class Settings(forms.Form):
        sorts = forms.MultipleChoiceField(
            label=_("What is taken"), choices=[(name, sort.label) for name, sort in SORTS.items()], required=False
        )
        most_mb = forms.IntegerField(label=_("Largest size, in MB"), min_value=1, max_value=MOST_MB, required=False)

    def build(self, *, label: str, is_required: bool, language: str) -> forms.Field:
        sorts = self.settings.get("sorts") or list(SORTS)
        most_mb = self.settings.get("most_mb") or DEFAULT_MB
        picker = forms.ClearableFileInput(attrs={"accept": accept_of(sorts), "data-most-mb": most_mb})
        picker.template_name = "django/forms/widgets/file.html"
        return UploadField(label=label, required=is_required, sorts=sorts, most_mb=most_mb, widget=picker)


__all__ = ["File", "Upload"]
