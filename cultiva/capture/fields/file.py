from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.capture.fields import FieldKind
from cultiva.lib.uploads import MOST_MB, SORTS, Upload, UploadField, accept_of

DEFAULT_MB = 5


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
