"""What a person has before them: the form, the policy and the boxes, each in one version and one language.

The render token names all of it, so that the evidence tells what was shown and not what has been published since.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext

from cultiva.accounts.models import LANGUAGES, Workspace
from cultiva.capture.models import FormVersion
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.lib.database import workspace_scope
from cultiva.lib.plugins import plugin
from cultiva.lib.signing import BadLink, ExpiredLink, sign, unsign

TOKEN = "form-token"  # noqa: S105 (the name of a field)
POLICY = "policy-accepted"
TRAP = "company-website"  # people do not see it; programs fill it in
TOKEN_LIFE = timedelta(hours=24)
MIN_FILL = timedelta(seconds=2)
LANGUAGE_CODES = [code for code, _ in LANGUAGES]  # tokens carry the place in this list: add at the end


@dataclass(frozen=True)
class Shown:
    """One showing of a form."""

    form: FormVersion
    policy: PolicyVersion
    purposes: list[PurposeVersion]
    language: str
    issued_at: datetime
    token: str

    @property
    def texts(self) -> dict[str, str]:
        return dict(self.form.body["languages"][self.language])

    @property
    def notice(self) -> dict[str, Any]:
        """The policy in the language shown: title, label, first_layer, text."""
        return dict(self.policy.body["languages"][self.language])

    @property
    def languages(self) -> list[str]:
        return languages_of(self.form, self.policy, self.purposes)


def show_form(*, workspace_id: int, key: str, languages: list[str], at: datetime) -> Shown | None:
    """The form now in force, in the first of these languages that it has; None where there is no such form."""
    form = FormVersion.current(workspace_id, key)
    policy = PolicyVersion.current(workspace_id, form.body["policy"]) if form else None
    if form is None or policy is None:
        return None
    purposes = [p for p in PurposeVersion.currents(workspace_id) if p.key in form.body["purposes"]]
    purposes.sort(key=lambda purpose: (purpose.body["position"], purpose.key))
    known = languages_of(form, policy, purposes)
    if not known:
        return None
    language = next((wanted for wanted in languages if wanted in known), known[0])
    token = make_token(form, policy, purposes, language, at)
    return Shown(form, policy, purposes, language, at, token)


def make_token(
    form: FormVersion, policy: PolicyVersion, purposes: list[PurposeVersion], language: str, at: datetime
) -> str:
    """The random part keeps two people who load the form in the same instant apart."""
    issued = int(at.timestamp() * 1000)
    place = LANGUAGE_CODES.index(language)
    versions = (form.id, policy.id, *(purpose.id for purpose in purposes))
    return sign("form", issued, secrets.randbits(64), place, form.workspace_id, *versions)


def read_token(*, workspace: str, key: str, token: str, at: datetime) -> Shown:
    """The showing that a token names, in the workspace of this slug. Raises BadLink, or ExpiredLink after 24 hours."""
    issued, _, place, workspace_id, *versions = unsign("form", token)
    issued_at = datetime.fromtimestamp(issued / 1000, UTC)
    if at > issued_at + TOKEN_LIFE:
        raise ExpiredLink("form")
    slug, form, policy, *purposes = _read_versions(workspace_id, *versions)
    if slug != workspace or form.key != key:
        raise BadLink("form")
    return Shown(form, policy, purposes, LANGUAGE_CODES[place], issued_at, token)


@lru_cache(maxsize=1000)  # versions never change, and their ids are not given twice
def _read_versions(workspace_id: int, form_id: int, policy_id: int, *purpose_ids: int) -> list[Any]:
    """[slug, form, policy, purpose, ..]. Raises BadLink."""
    with workspace_scope(workspace_id):
        workspace = Workspace.objects.filter(id=workspace_id).first()
        form = FormVersion.objects.filter(workspace_id=workspace_id, id=form_id).first()
        policy = PolicyVersion.objects.filter(workspace_id=workspace_id, id=policy_id).first()
        purposes = PurposeVersion.objects.filter(workspace_id=workspace_id).in_bulk(purpose_ids)
    if workspace is None or form is None or policy is None or len(purposes) != len(purpose_ids):
        raise BadLink("form")
    return [workspace.slug, form, policy, *(purposes[purpose_id] for purpose_id in purpose_ids)]


def languages_of(form: FormVersion, policy: PolicyVersion, purposes: list[PurposeVersion]) -> list[str]:
    """The languages in which everything on the page is written, in the form's order."""
    texts = [policy.body["languages"], *(purpose.body["languages"] for purpose in purposes)]
    return [language for language in form.body["languages"] if all(language in each for each in texts)]


class CaptureForm(forms.Form):
    """The fields of a form's version, its policy box and its purpose boxes, all clear."""

    def __init__(self, shown: Shown, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, label_suffix="")
        self.shown = shown
        for field in shown.form.body["fields"]:
            kind = plugin("fields", field["kind"])(field["settings"])
            self.fields[field["key"]] = kind.build(
                label=field["label"][shown.language], is_required=field["required"], language=shown.language
            )
        self.fields[POLICY] = forms.BooleanField(
            label=shown.notice["label"],
            error_messages={"required": gettext("To go on, accept the data-protection policy.")},
        )
        for purpose in shown.purposes:
            label = purpose.body["languages"][shown.language]["label"]
            self.fields[purpose_name(purpose)] = forms.BooleanField(label=label, required=False)
        self.fields[TRAP] = forms.CharField(label=gettext("Leave this empty"), required=False)

    @property
    def questions(self) -> list[BoundField]:
        return [self[field["key"]] for field in self.shown.form.body["fields"]]

    @property
    def policy_box(self) -> BoundField:
        return self[POLICY]

    @property
    def purpose_boxes(self) -> list[BoundField]:
        return [self[purpose_name(purpose)] for purpose in self.shown.purposes]

    @property
    def trap(self) -> BoundField:
        return self[TRAP]


def purpose_name(purpose: PurposeVersion) -> str:
    """The name of a purpose's box in the page; a hyphen keeps it apart from the form's own fields."""
    return f"purpose-{purpose.key}"
