"""What staff fill in to make a magnet: what every one says, and its kind's own settings, as one document."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cultiva.accounts.models import Workspace
from cultiva.capture.models import FormVersion
from cultiva.lib.uploads import Upload
from cultiva.magnets.documents import OBJECTIVES, file_fields, magnet_fields, store_file
from cultiva.magnets.kinds import MagnetKind
from cultiva.magnets.models import MagnetFile, MagnetVersion
from cultiva.segments.personas.actions import list_personas
from cultiva.web.words import in_language, stage_labels

Json = dict[str, Any]

OBJECTIVE_LABELS = {
    "content": gettext_lazy("Content"), "subscription": gettext_lazy("Subscription"), "quote": gettext_lazy("Quote"),
    "purchase": gettext_lazy("Purchase"), "service": gettext_lazy("Service"),
}  # fmt: skip
WITHOUT_LIFECYCLE = {
    "lead": gettext_lazy("Lead"), "marketing_qualified": gettext_lazy("Marketing-qualified"),
    "sales_qualified": gettext_lazy("Sales-qualified"), "customer": gettext_lazy("Customer"),
}  # fmt: skip
LANGUAGES = ("es", "en")
PREFIX = "settings"


class OfferForm(forms.Form):
    title_es = forms.CharField(label=gettext_lazy("Title, in Spanish"), max_length=160, required=False)
    title_en = forms.CharField(label=gettext_lazy("Title, in English"), max_length=160, required=False)
    intro_es = forms.CharField(
        label=gettext_lazy("What it is, in Spanish"), max_length=1000, required=False,
        widget=forms.Textarea({"rows": 2}),
    )  # fmt: skip
    intro_en = forms.CharField(
        label=gettext_lazy("What it is, in English"), max_length=1000, required=False,
        widget=forms.Textarea({"rows": 2}),
    )  # fmt: skip
    objective = forms.ChoiceField(
        label=gettext_lazy("Objective"), choices=[(each, OBJECTIVE_LABELS[each]) for each in OBJECTIVES]
    )
    persona = forms.ChoiceField(label=gettext_lazy("For which persona"), required=False)
    stage = forms.ChoiceField(label=gettext_lazy("For which stage"), required=False)
    library = forms.BooleanField(label=gettext_lazy("Show it in the public library"), required=False)

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        personas = [(each.key, each.name) for each in list_personas(workspace.id)]
        _choose(self, "persona", [("", _("everybody")), *personas])
        _choose(self, "stage", [("", _("any stage")), *stages_of(workspace.id)])

    def clean(self) -> Json:
        found = super().clean() or self.cleaned_data
        if not found.get("title_es") and not found.get("title_en"):
            self.add_error("title_es", _("Give it a title, in one language at least."))
        return found


def stages_of(workspace_id: int) -> list[tuple[str, str]]:
    """[(stage, label)] of the lifecycle in force; the usual ones where there is none yet."""
    labels = stage_labels(workspace_id) or {stage: str(label) for stage, label in WITHOUT_LIFECYCLE.items()}
    return list(labels.items())


def _choose(form: forms.Form, name: str, choices: list[tuple[str, str]]) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices


class MagnetEditor:
    """Both forms of one magnet. `files`: {name in the document: SHA-256}, as stored so far."""

    def __init__(
        self, kind: type[MagnetKind], workspace: Workspace, document: Mapping[str, Any], files: Mapping[str, str],
        posted: MultiValueDict[str, str] | None = None,
        uploads: "MultiValueDict[str, UploadedFile[bytes]] | None" = None,
    ) -> None:  # fmt: skip
        self.kind, self.workspace, self.files = kind, workspace, dict(files)
        self.given: Json = dict(document.get("settings") or {})
        initial = {name: document.get(name) for name in ("objective", "persona", "stage", "library")}
        for part in ("title", "intro"):
            for language in LANGUAGES:
                initial[f"{part}_{language}"] = (document.get(part) or {}).get(language)
        self.offer = OfferForm(posted, initial=initial, workspace=workspace)
        settings = {name: value for name, value in self.given.items() if name not in file_fields(kind.Settings)}
        settings.setdefault("time_zone", workspace.time_zone)
        self.settings = kind.Settings(
            posted, self._with_stored(posted, uploads), initial=settings, prefix=PREFIX, use_required_attribute=False
        )
        self._offer_choices()

    def _with_stored(
        self, posted: MultiValueDict[str, str] | None, uploads: "MultiValueDict[str, UploadedFile[bytes]] | None"
    ) -> "MultiValueDict[str, UploadedFile[bytes]] | None":
        """A file that was given before counts as given, unless it is to be taken out."""
        if posted is None:
            return None
        found: MultiValueDict[str, UploadedFile[bytes]] = uploads.copy() if uploads else MultiValueDict()
        for name in file_fields(self.kind.Settings):
            field, stored = f"{PREFIX}-{name}", self._stored(name)
            if field not in found and stored and not posted.get(f"{field}-out"):
                found[field] = SimpleUploadedFile(stored.name, bytes(stored.content))
        return found

    def _stored(self, name: str) -> MagnetFile | None:
        digest = self.files.get(self.given.get(name, ""), "")
        return MagnetFile.objects.filter(workspace_id=self.workspace.id, sha256=digest).first() if digest else None

    def _offer_choices(self) -> None:
        """Other documents are chosen, not typed."""
        magnets = [(each.key, in_language(each.body["title"])) for each in MagnetVersion.currents(self.workspace.id)]
        for name in magnet_fields(self.kind.Settings):
            self.settings.fields[name].widget = forms.Select(choices=[("", _("none")), *magnets])
        if "form" in self.settings.fields:
            forms_in_force = [(each.key, each.name) for each in FormVersion.currents(self.workspace.id)]
            self.settings.fields["form"].widget = forms.Select(choices=[("", "–"), *forms_in_force])
            self.settings.fields["form"].help_text = ""

    @property
    def stored_files(self) -> list[Json]:
        """[{label, name, out}] of what was given before; `out` is the field that takes it out."""
        return [
            {"label": field.label, "name": self.given[name], "out": f"{PREFIX}-{name}-out"}
            for name, field in self.kind.Settings.base_fields.items()
            if isinstance(field, forms.FileField) and self.given.get(name) in self.files
        ]

    def is_valid(self) -> bool:
        are_good = [self.offer.is_valid(), self.settings.is_valid()]
        return all(are_good)

    def document(self, key: str) -> tuple[Json, dict[str, str]]:
        """(document, files) of what was filled in; new files are stored."""
        offer, files = self.offer.cleaned_data, dict[str, str]()
        document: Json = {"magnet": key, "kind": self.kind.kind, "objective": offer["objective"]}
        for part in ("title", "intro"):
            texts = {language: offer[f"{part}_{language}"] for language in LANGUAGES}
            if any(texts.values()):
                document[part] = {language: text for language, text in texts.items() if text}
        document |= {name: offer[name] for name in ("persona", "stage", "library") if offer[name]}
        document["settings"] = {
            name: self._plain(value, files)
            for name, value in self.settings.cleaned_data.items()
            if value not in (None, "", False)
        }
        return document, files

    def _plain(self, value: Any, files: dict[str, str]) -> Any:
        if isinstance(value, Upload):
            files[value.name] = store_file(self.workspace.id, value)
            return value.name
        return value.isoformat() if isinstance(value, date) else value
