"""What a person has before them: the form, the policy and the boxes, each in one version and one language.

The render token names all of it, so that the evidence tells what was shown and not what has been published since.
"""

import json
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext

from cultiva.accounts.models import LANGUAGES, Workspace
from cultiva.capture.asking import hidden_fields, left_out
from cultiva.capture.fields import FieldKind
from cultiva.capture.models import FormVersion
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope
from cultiva.lib.plugins import plugin
from cultiva.lib.signing import BadLink, ExpiredLink, sign, sign_until, unsign, unsign_until

Json = dict[str, Any]

TOKEN = "form-token"  # noqa: S105 (the name of a field)
POLICY = "policy-accepted"
TRAP = "company-website"  # people do not see it; programs fill it in
PROOF = "form-proof"  # the answer to the sum that a browser does
TOKEN_LIFE = timedelta(hours=24)
PERSONAL_LINK_LIFE = timedelta(days=30)
MIN_FILL = timedelta(seconds=2)
LANGUAGE_CODES = [code for code, _ in LANGUAGES]  # tokens carry the place in this list: add at the end
NOBODY, BY_VISITOR, BY_LINK = 0, 1, 2  # how we know who is before the form; tokens carry these numbers


@dataclass(frozen=True)
class Person:
    """Who is before the form, as far as it is proven.

    By a signed link: theirs are the values that a form fills in beforehand. By a browser that consented to be known:
    a form leaves out what it knows, and never says what that is.
    """

    lead_id: int
    proof: int
    known: Json = field(default_factory=dict)

    @classmethod
    def find(cls, *, workspace_id: int, lead_id: int, proof: int) -> "Person | None":
        lead = Lead.objects.filter(workspace_id=workspace_id, id=lead_id).first()
        return cls(lead_id, proof, dict(lead.attributes)) if lead and lead.merged_into_id is None else None

    @property
    def is_proven(self) -> bool:
        return self.proof == BY_LINK


@dataclass(frozen=True)
class Shown:
    """One showing of a form. Without a token it stands in somebody else's page for good (a static form)."""

    form: FormVersion
    policy: PolicyVersion
    purposes: list[PurposeVersion]
    language: str
    issued_at: datetime | None
    token: str
    person: Person | None = None

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

    @property
    def boxes(self) -> list[str]:
        """The names of the boxes in the order in which they are shown."""
        return [POLICY, *(purpose_name(purpose) for purpose in self.purposes)]

    @cached_property
    def left_out(self) -> set[str]:
        """Questions that this person is not asked. Who they are is asked of all who have no link of their own."""
        known = self.person.known if self.person else {}
        if self.person and not self.person.is_proven:
            known = {key: value for key, value in known.items() if key not in ("email", "phone")}
        return left_out(self.form.body, known)


def show_form(
    *, workspace_id: int, key: str, languages: list[str], at: datetime, person: Person | None = None
) -> Shown | None:
    """The form now in force, in the first of these languages that it has; None where there is no such form."""
    form = FormVersion.current(workspace_id, key)
    return show_version(form, languages=languages, at=at, person=person) if form else None


def show_version(
    form: FormVersion, *, languages: list[str], at: datetime, person: Person | None = None
) -> Shown | None:
    policy = PolicyVersion.current(form.workspace_id, form.body["policy"])
    if policy is None:
        return None
    purposes = [p for p in PurposeVersion.currents(form.workspace_id) if p.key in form.body["purposes"]]
    purposes.sort(key=lambda purpose: (purpose.body["position"], purpose.key))
    known = languages_of(form, policy, purposes)
    if not known:
        return None
    language = next((wanted for wanted in languages if wanted in known), known[0])
    token = make_token(form, policy, purposes, language, at, person)
    return Shown(form, policy, purposes, language, at, token, person)


def make_token(
    form: FormVersion,
    policy: PolicyVersion,
    purposes: list[PurposeVersion],
    language: str,
    at: datetime,
    person: Person | None = None,
) -> str:
    """The random part keeps two people who load the form in the same instant apart."""
    issued = int(at.timestamp() * 1000)
    place = LANGUAGE_CODES.index(language)
    who = (person.lead_id, person.proof) if person else (0, NOBODY)
    versions = (form.id, policy.id, *(purpose.id for purpose in purposes))
    return sign("form", issued, secrets.randbits(64), place, *who, form.workspace_id, *versions)


def read_token(*, workspace: str, key: str, token: str, at: datetime) -> Shown:
    """The showing that a token names, in the workspace of this slug. Raises BadLink, or ExpiredLink after 24 hours."""
    issued, _, place, lead_id, proof, workspace_id, *versions = unsign("form", token)
    issued_at = datetime.fromtimestamp(issued / 1000, UTC)
    if at > issued_at + TOKEN_LIFE:
        raise ExpiredLink("form")
    shown = _shown(workspace, key, workspace_id, versions, place)
    person = None
    if proof:
        with workspace_scope(workspace_id):
            person = Person.find(workspace_id=workspace_id, lead_id=lead_id, proof=proof)
    return replace(shown, issued_at=issued_at, token=token, person=person)


def renew(shown: Shown, at: datetime) -> Shown:
    """The same showing with a new token, whose time to fill in counts as passed."""
    issued_at = at - MIN_FILL
    token = make_token(shown.form, shown.policy, shown.purposes, shown.language, issued_at, shown.person)
    return replace(shown, issued_at=issued_at, token=token)


def make_static_token(shown: Shown) -> str:
    """For a form that stands in somebody's own page: it names what that page shows, works again and again, and ends
    with nothing. Posts that carry it are guarded by origin, limits and the duplicate key."""
    place = LANGUAGE_CODES.index(shown.language)
    versions = (shown.form.id, shown.policy.id, *(purpose.id for purpose in shown.purposes))
    return sign("form-static", place, shown.form.workspace_id, *versions)


def read_static_token(*, workspace: str, key: str, token: str) -> Shown:
    """Raises BadLink."""
    place, workspace_id, *versions = unsign("form-static", token)
    return _shown(workspace, key, workspace_id, versions, place)


def make_personal_token(*, workspace_id: int, lead_id: int, at: datetime) -> str:
    """What a personal link carries (`?for=`): whoever has it is taken for that lead, for 30 days."""
    return sign_until("form-for", at + PERSONAL_LINK_LIFE, workspace_id, lead_id)


def read_personal_token(*, workspace_id: int, token: str, at: datetime) -> Person | None:
    """The person of a link, or None for one that does not work (any longer): the form is there for everybody."""
    try:
        of_workspace, lead_id = unsign_until("form-for", token, at)
    except (BadLink, ExpiredLink):
        return None
    return (
        Person.find(workspace_id=workspace_id, lead_id=lead_id, proof=BY_LINK) if of_workspace == workspace_id else None
    )


def _shown(workspace: str, key: str, workspace_id: int, versions: list[int], place: int) -> Shown:
    slug, form, policy, *purposes = _read_versions(workspace_id, *versions)
    if slug != workspace or form.key != key:
        raise BadLink("form")
    return Shown(form, policy, purposes, LANGUAGE_CODES[place], None, "")


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


GUIDS = uuid.UUID("6f0c2c1e-6b0f-4b52-9c8e-9d5f6c1c7a44")


def guid_of(workspace_id: int, key: str) -> str:
    """What a form is called by programs written for HubSpot; the portal is the workspace's number."""
    return str(uuid.uuid5(GUIDS, f"{workspace_id}:{key}"))


def languages_of(form: FormVersion, policy: PolicyVersion, purposes: list[PurposeVersion]) -> list[str]:
    """The languages in which everything on the page is written, in the form's order."""
    texts = [policy.body["languages"], *(purpose.body["languages"] for purpose in purposes)]
    return [language for language in form.body["languages"] if all(language in each for each in texts)]


@dataclass(frozen=True)
class Part:
    """What stands in one place of a form: a question, or `html` between questions, or the notice with its boxes."""

    kind: str  # question | content | consent
    question: BoundField | None = None
    html: str = ""
    when: str = ""  # its condition as JSON, for the page


@dataclass(frozen=True)
class Step:
    title: str
    parts: list[Part]


class CaptureForm(forms.Form):
    """The fields of a form's version, its policy box and its purpose boxes, all clear."""

    def __init__(
        self,
        shown: Shown,
        data: Mapping[str, Any] | None = None,
        files: MultiValueDict[str, Any] | None = None,
        *,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """`parameters`: of the page's address, for hidden fields that are taken from there."""
        super().__init__(data, files, label_suffix="")
        self.shown = shown
        self.kinds: dict[str, FieldKind] = {}
        self.asked = [
            each
            for each in shown.form.body["fields"]
            if each["key"] not in shown.left_out or each["key"] in (data or ())
        ]
        for each in self.asked:
            kind: FieldKind = plugin("fields", each["kind"])(each["settings"])
            self.kinds[each["key"]] = kind
            if kind.part == "question":
                self.fields[each["key"]] = self._build(each, kind, parameters or {})
        self.fields[POLICY] = forms.BooleanField(
            label=shown.notice["label"],
            error_messages={"required": gettext("To go on, accept the data-protection policy.")},
        )
        for purpose in shown.purposes:
            label = purpose.body["languages"][shown.language]["label"]
            self.fields[purpose_name(purpose)] = forms.BooleanField(label=label, required=False)
        self.fields[TRAP] = forms.CharField(label=gettext("Leave this empty"), required=False)

    def _build(self, described: Json, kind: FieldKind, parameters: Mapping[str, str]) -> forms.Field:
        field = kind.build(
            label=described["label"][self.shown.language],
            is_required=described["required"],
            language=self.shown.language,
        )
        field.help_text = described.get("help", {}).get(self.shown.language, "")
        person = self.shown.person
        if described.get("prefill") and person and person.is_proven:
            field.initial = person.known.get(described["key"])
        if parameter := kind.settings.get("parameter"):
            field.initial = parameters.get(parameter) or field.initial
        return field

    def clean(self) -> Json:
        """Answers to what was not asked are dropped, whatever is wrong with them; somebody has to be named."""
        found = super().clean() or self.cleaned_data
        answers = {key: value for key in self.attribute_keys if (value := found.get(key)) not in (None, "", [])}
        for key in hidden_fields(self.asked, answers):
            self.errors.pop(key, None)
            found.pop(key, None)
        self._refuse_nobody(found)
        return found

    def _refuse_nobody(self, found: Json) -> None:
        names = [key for key in ("email", "phone") if key in self.fields]
        is_named = any(found.get(key) or key in self.errors for key in names)
        is_known = bool(self.shown.person and self.shown.person.is_proven)
        if not is_named and not is_known and names:
            self.add_error(names[0], gettext("Tell us how to reach you: an e-mail address or a telephone number."))

    @property
    def attribute_keys(self) -> list[str]:
        return [key for key, kind in self.kinds.items() if kind.part == "question" and kind.is_attribute]

    @property
    def steps(self) -> list[Step]:
        """At least one. The notice and its boxes stand in the last where the document gives them no place."""
        steps = [Step("", [])]
        for each in self.asked:
            kind = self.kinds[each["key"]]
            if kind.part == "step":
                title = each["label"][self.shown.language]
                steps = [Step(title, [])] if not steps[-1].parts and len(steps) == 1 else [*steps, Step(title, [])]
            elif part := self._part(each, kind):
                steps[-1].parts.append(part)
        if not any(part.kind == "consent" for step in steps for part in step.parts):
            steps[-1].parts.append(Part("consent"))
        return [step for step in steps if step.parts]

    def _part(self, described: Json, kind: FieldKind) -> Part | None:
        when = json.dumps(described["when"], ensure_ascii=False) if "when" in described else ""
        if kind.part == "question":
            question = self[described["key"]]
            return None if question.is_hidden else Part("question", question=question, when=when)
        if kind.part == "content":
            label = described["label"].get(self.shown.language, "")
            return Part("content", html=kind.html(label=label, language=self.shown.language), when=when)
        return Part("consent")

    @property
    def questions(self) -> list[BoundField]:
        return [self[key] for key, kind in self.kinds.items() if kind.part == "question" and not self[key].is_hidden]

    @property
    def hidden_questions(self) -> list[BoundField]:
        return [self[key] for key, kind in self.kinds.items() if kind.part == "question" and self[key].is_hidden]

    @property
    def policy_box(self) -> BoundField:
        return self[POLICY]

    @property
    def purpose_boxes(self) -> list[BoundField]:
        return [self[purpose_name(purpose)] for purpose in self.shown.purposes]

    @property
    def trap(self) -> BoundField:
        return self[TRAP]

    @property
    def has_files(self) -> bool:
        return any(isinstance(each, forms.FileField) for each in self.fields.values())


def answers_in(form: FormVersion, cleaned: Mapping[str, Any]) -> Json:
    """{field: value} of a valid form's cleaned values, what was not answered left out; files are `Upload`s. What
    is asked and not kept is not among them."""
    kinds = {each["key"]: plugin("fields", each["kind"]) for each in form.body["fields"]}
    questions = [key for key, kind in kinds.items() if kind.part == "question" and kind.is_kept]
    return {key: value for key in questions if (value := cleaned.get(key)) not in (None, "", [])}


def birth_date_in(form: FormVersion, cleaned: Mapping[str, Any]) -> date | None:
    """The date of birth, where the form asks for it; it is not among the answers, because nobody keeps it."""
    asked = [each["key"] for each in form.body["fields"] if each["kind"] == "birth_date"]
    said = next((cleaned.get(key) for key in asked), None)
    return date.fromisoformat(said) if said else None


def purpose_name(purpose: PurposeVersion) -> str:
    """The name of a purpose's box in the page; a hyphen keeps it apart from the form's own fields."""
    return f"purpose-{purpose.key}"
