"""Policies and purposes: what is in force, its versions, edited with a preview, begun from a starter."""

import difflib
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from cultiva.accounts.actions import record_audit
from cultiva.accounts.models import LANGUAGES, Document, Role
from cultiva.consent.actions import publish_policy, publish_purpose
from cultiva.consent.jurisdictions import Jurisdiction, jurisdictions
from cultiva.consent.keys import keys_url, signing_key
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.consent.notices import BASES, CHANNELS, INTEREST, bases_of, read_policy, read_purpose
from cultiva.consent.rules import publish_rules, rules_of, with_changes
from cultiva.consent.starters import starter_policy, starter_purposes
from cultiva.documents.normal import write_yaml
from cultiva.lib.documents import DocumentError, read_document
from cultiva.lib.languages import reader_language
from cultiva.lib.markdown import markdown
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.words import BASIS_LABELS, CHANNEL_LABELS

MAY_PUBLISH = frozenset({Role.OWNER, Role.MARKETING, Role.PRIVACY})
PROFILING = [
    ("legitimate_interest", gettext_lazy("By legitimate interest, until somebody objects")),
    ("consent", gettext_lazy("Only of those who tick the box for it")),
    ("none", gettext_lazy("No profiles are built")),
]
MARKS = {"+": "ins", "-": "del"}  # elements
Json = dict[str, Any]


class LawForm(forms.Form):
    jurisdiction = forms.ChoiceField(label=gettext_lazy("Law of the workspace"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["jurisdiction"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(code, label_of(profile)) for code, profile in jurisdictions().items()]


class StarterForm(LawForm):
    name = forms.CharField(label=gettext_lazy("Company, with its legal form"), max_length=200)
    address = forms.CharField(label=gettext_lazy("Postal address"), max_length=300)
    email = forms.EmailField(label=gettext_lazy("Address for requests about data"))
    dpo_email = forms.EmailField(label=gettext_lazy("Data protection officer, if there is one"), required=False)


class RowsField(forms.CharField):
    """The first layer: one `Term: what it says` a line."""

    widget = forms.Textarea({"rows": 7})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(f"{term}: {said}" for term, said in value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        rows = []
        for line in super().clean(value).splitlines():
            term, colon, said = line.partition(":")
            if line.strip() and not (colon and said.strip()):
                raise forms.ValidationError(_("“%(line)s” lacks its colon: Term: what it says.") % {"line": line[:60]})
            if line.strip():
                rows.append([term.strip(), said.strip()])
        return rows


class PolicyForm(forms.Form):
    """The parts of a policy; those of each language have its code behind their name."""

    key = forms.SlugField(label=gettext_lazy("Short name"), max_length=80, initial="privacy")
    name = forms.CharField(label=gettext_lazy("Company, with its legal form"), max_length=200)
    address = forms.CharField(label=gettext_lazy("Postal address"), max_length=300)
    email = forms.EmailField(label=gettext_lazy("Address for requests about data"))
    dpo_email = forms.EmailField(label=gettext_lazy("Data protection officer, if there is one"), required=False)
    profiling = forms.ChoiceField(label=gettext_lazy("Profiles"), choices=PROFILING)
    jurisdiction = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code, language in LANGUAGES:
            self.fields[f"title_{code}"] = forms.CharField(
                label=_("Title (%(language)s)") % {"language": language}, max_length=160, required=False
            )
            self.fields[f"label_{code}"] = forms.CharField(
                label=_("Words beside the box (%(language)s)") % {"language": language}, max_length=500, required=False
            )
            self.fields[f"first_layer_{code}"] = RowsField(
                label=_("First layer, in the form (%(language)s)") % {"language": language}, required=False,
                help_text=_("One “Term: what it says” a line."),
            )  # fmt: skip
            self.fields[f"text_{code}"] = forms.CharField(
                label=_("Whole text (%(language)s)") % {"language": language}, required=False,
                widget=forms.Textarea({"rows": 18}), help_text=_("Markdown: ## for headings, - for lists."),
            )  # fmt: skip

    def as_yaml(self) -> str:
        given = self.cleaned_data
        controller = {name: given[name] for name in ("name", "address", "email", "dpo_email") if given[name]}
        law = {"jurisdiction": given["jurisdiction"]} if given["jurisdiction"] else {}
        languages = {
            code: {part: given[f"{part}_{code}"] for part in ("title", "label", "first_layer", "text")}
            for code, _language in LANGUAGES
            if any(given[f"{part}_{code}"] for part in ("title", "label", "first_layer", "text"))
        }
        head = {"policy": given["key"]} | law
        return write_yaml(head | {"controller": controller, "profiling": given["profiling"], "languages": languages})


class PurposeForm(forms.Form):
    key = forms.SlugField(label=gettext_lazy("Short name"), max_length=80)
    channel = forms.ChoiceField(
        label=gettext_lazy("Channel"), choices=[(each, CHANNEL_LABELS[each]) for each in CHANNELS]
    )
    position = forms.IntegerField(label=gettext_lazy("Place among the boxes"), min_value=0, max_value=99, initial=1)
    bases = forms.MultipleChoiceField(
        label=gettext_lazy("It is allowed by"), widget=forms.CheckboxSelectMultiple, initial=["consent"],
        choices=[(each, BASIS_LABELS[each]) for each in BASES],
    )  # fmt: skip
    assessment_name = forms.CharField(
        label=gettext_lazy("Assessment of the legitimate interest: its name"), max_length=200, required=False
    )
    assessment_by = forms.CharField(label=gettext_lazy("Who made it"), max_length=120, required=False)
    assessment_on = forms.DateField(
        label=gettext_lazy("When"), required=False, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code, language in LANGUAGES:
            self.fields[f"label_{code}"] = forms.CharField(
                label=_("Words beside the box (%(language)s)") % {"language": language}, max_length=500, required=False
            )

    def as_yaml(self) -> str:
        given = self.cleaned_data
        weighed = {"name": given["assessment_name"], "by": given["assessment_by"]}
        weighed["on"] = given["assessment_on"].isoformat() if given["assessment_on"] else ""
        bases: list[Any] = [each for each in given["bases"] if each != INTEREST]
        bases += [{INTEREST: weighed}] if INTEREST in given["bases"] else []
        languages = {code: {"label": given[f"label_{code}"]} for code, _language in LANGUAGES if given[f"label_{code}"]}
        head = {"purpose": given["key"], "channel": given["channel"], "position": given["position"]}
        return write_yaml(head | {"bases": bases, "languages": languages})


@staff_screen(posts=MAY_PUBLISH)
def policies(request: StaffRequest) -> HttpResponse:
    """What is in force, and the law it follows."""
    staff = request.staff
    rules = rules_of(staff.workspace.id)
    form = LawForm(request.POST or None, initial={"jurisdiction": rules.jurisdiction.code})
    if request.method == "POST" and form.is_valid():
        choose_law(request, form.cleaned_data["jurisdiction"], dict(rules.expires_after_months))
        return redirect("web:policies")
    context = {
        "page_title": _("Policies and purposes"),
        "law": form,
        "rules": rules,
        "authority": said(rules.jurisdiction.authority),
        "laws": said(rules.jurisdiction.laws),
        "expires": [(CHANNEL_LABELS[channel], months) for channel, months in rules.expires_after_months.items()],
        "proven": [CHANNEL_LABELS[each] for each in CHANNELS if each in rules.jurisdiction.double_opt_in],
        "policies": PolicyVersion.currents(staff.workspace.id),
        "purposes": [
            {"version": each, "channel": CHANNEL_LABELS[each.body["channel"]], "bases": [
                BASIS_LABELS[basis] for basis in bases_of(each.body)]}
            for each in PurposeVersion.currents(staff.workspace.id)
        ],
        "missing": [key for key in starter_purposes() if not PurposeVersion.current(staff.workspace.id, key)],
        "key": signing_key(workspace_id=staff.workspace.id, at=staff.at),
        "keys_url": keys_url(staff.workspace),
        "may_publish": staff.role in MAY_PUBLISH,
        "now": staff.at,
    }  # fmt: skip
    return render(request, "web/policies.html", context, status=422 if form.errors else 200)


def choose_law(request: StaffRequest, code: str, months: dict[str, int]) -> None:
    """What was stricter than the law stays, as far as the other law knows it."""
    staff = request.staff
    law = jurisdictions()[code]
    own = {
        channel: most for channel, most in months.items()
        if channel not in law.expires_after_months
        and channel not in rules_of(staff.workspace.id).jurisdiction.expires_after_months
    }  # fmt: skip
    text = with_changes(staff.workspace.id, jurisdiction=code, expires_after_months=own)
    publish_rules(workspace_id=staff.workspace.id, text=text, at=staff.at)
    audit(request, "consent_rules.published", code)
    messages.success(request, _("The law of the workspace: %(law)s.") % {"law": label_of(law)})


@staff_screen(posts=MAY_PUBLISH)
def starter(request: StaffRequest) -> HttpResponse:
    """Who is responsible and which law: then the draft, to be read and changed."""
    staff = request.staff
    current = PolicyVersion.currents(staff.workspace.id).first()
    known = current.body["controller"] if current else {"name": staff.workspace.name}
    law = rules_of(staff.workspace.id).jurisdiction.code
    form = StarterForm(request.POST or None, initial={"jurisdiction": law} | known)
    if request.method == "POST" and form.is_valid():
        draft = read_document(starter_policy(**form.cleaned_data))
        return edit_page(request, PolicyForm(initial=initial_of(draft)), None)
    context = {"page_title": _("Begin from a starter"), "form": form, "may_publish": staff.role in MAY_PUBLISH}
    return render(request, "web/policy_starter.html", context, status=422 if form.errors else 200)


@require_POST
@staff_screen(posts=MAY_PUBLISH)
def starter_purpose(request: StaffRequest) -> HttpResponse:
    """Put one of the usual boxes in force, as it is."""
    key = request.POST.get("key", "")
    if key not in starter_purposes():
        raise Http404
    publish_purpose(workspace_id=request.staff.workspace.id, text=starter_purposes()[key], at=request.staff.at)
    audit(request, "purpose.published", key)
    messages.success(request, _("The box is in force. Forms can use it."))
    return redirect("web:policies")


@staff_screen()
def policy(request: StaffRequest, key: str) -> HttpResponse:
    versions = versions_of(PolicyVersion, request, key)
    context = {
        "page_title": versions[0].name,
        "key": key,
        "versions": with_differences(versions),
        "shown": preview_of(versions[0].body),
        "edit_url": "web:edit_policy",
        "is_policy": True,
        "may_publish": request.staff.role in MAY_PUBLISH,
        "now": request.staff.at,
    }
    return render(request, "web/policy.html", context)


@staff_screen()
def purpose(request: StaffRequest, key: str) -> HttpResponse:
    versions = versions_of(PurposeVersion, request, key)
    context = {
        "page_title": versions[0].name,
        "key": key,
        "versions": with_differences(versions),
        "labels": [(code, each["label"]) for code, each in versions[0].body["languages"].items()],
        "edit_url": "web:edit_purpose",
        "may_publish": request.staff.role in MAY_PUBLISH,
        "now": request.staff.at,
    }
    return render(request, "web/policy.html", context)


@staff_screen(posts=MAY_PUBLISH)
def edit_policy(request: StaffRequest, key: str = "") -> HttpResponse:
    current = PolicyVersion.current(request.staff.workspace.id, key) if key else None
    if key and current is None:
        raise Http404
    initial = initial_of(current.body | {"policy": key}) if current else {}
    form = PolicyForm(request.POST or None, initial=initial)
    if request.method != "POST" or not form.is_valid():
        return edit_page(request, form, current)
    law = rules_of(request.staff.workspace.id).jurisdiction.code
    try:
        notice = read_policy(form.as_yaml(), jurisdiction=law)
        if request.POST.get("what") != "publish":
            return edit_page(request, form, current, preview_of(notice.body))
        made = publish_policy(workspace_id=request.staff.workspace.id, text=form.as_yaml(), at=request.staff.at)
    except DocumentError as error:
        form.add_error(None, say_error(error))
        return edit_page(request, form, current)
    audit(request, "policy.published", str(made))
    messages.success(
        request, _("Version %(n)s is in force. Earlier consents keep the text they saw.") % {"n": made.version}
    )
    return redirect("web:policy", key=made.key)


@staff_screen(posts=MAY_PUBLISH)
def edit_purpose(request: StaffRequest, key: str = "") -> HttpResponse:
    current = PurposeVersion.current(request.staff.workspace.id, key) if key else None
    if key and current is None:
        raise Http404
    form = PurposeForm(request.POST or None, initial=purpose_initial(current) if current else None)
    labels: list[tuple[str, str]] = []
    if request.method == "POST" and form.is_valid():
        try:
            notice = read_purpose(form.as_yaml())
            if request.POST.get("what") == "publish":
                made = publish_purpose(
                    workspace_id=request.staff.workspace.id, text=form.as_yaml(), at=request.staff.at
                )
                audit(request, "purpose.published", str(made))
                messages.success(request, _("Version %(n)s is in force.") % {"n": made.version})
                return redirect("web:purpose", key=made.key)
            labels = [(code, each["label"]) for code, each in notice.body["languages"].items()]
        except DocumentError as error:
            form.add_error(None, say_error(error))
    context = {
        "page_title": _("New version") if current else _("New purpose"), "form": form, "current": current,
        "labels": labels, "may_publish": request.staff.role in MAY_PUBLISH, "is_purpose": True,
    }  # fmt: skip
    return render(request, "web/policy_edit.html", context, status=422 if form.errors else 200)


def edit_page(
    request: StaffRequest, form: PolicyForm, current: PolicyVersion | None, shown: list[Json] | None = None
) -> HttpResponse:
    context = {
        "page_title": _("New version") if current else _("New policy"), "form": form, "current": current,
        "shown": shown, "may_publish": request.staff.role in MAY_PUBLISH,
    }  # fmt: skip
    return render(request, "web/policy_edit.html", context, status=422 if form.errors else 200)


def initial_of(document: Json) -> Json:
    found: Json = {"key": document["policy"], "profiling": document["profiling"]} | document["controller"]
    found["jurisdiction"] = document.get("jurisdiction", "")
    for code, content in document["languages"].items():
        found |= {f"{part}_{code}": value for part, value in content.items()}
    return found


def purpose_initial(version: PurposeVersion) -> Json:
    body = version.body
    weighed = {f"assessment_{name}": value for name, value in body.get("assessment", {}).items()}
    labels = {f"label_{code}": each["label"] for code, each in body["languages"].items()}
    own = {"key": version.key, "channel": body["channel"], "position": body["position"], "bases": bases_of(body)}
    return own | weighed | labels


def preview_of(body: Json) -> list[Json]:
    """As visitors see it, a language after the other."""
    return [
        {"language": dict(LANGUAGES)[code], "code": code} | content | {"html": markdown.render(content["text"])}
        for code, content in body["languages"].items()
    ]


def versions_of(model: type[Document], request: StaffRequest, key: str) -> list[Any]:
    """Newest first; raises Http404 where there is none."""
    found = model._default_manager.filter(workspace_id=request.staff.workspace.id, key=key).order_by("-version")
    if not found:
        raise Http404
    return list(found)


def with_differences(versions: Sequence[Any]) -> list[Json]:
    """[{version, lines: [(ins | del | "", line)]}]: what each changed in the one before."""
    shown = []
    for place, version in enumerate(versions):
        before = versions[place + 1] if place + 1 < len(versions) else None
        shown.append({"version": version, "lines": differences(before, version) if before else []})
    return shown


def differences(before: Any, after: Any) -> list[tuple[str, str]]:
    old, new = (write_yaml(each.body).splitlines() for each in (before, after))
    found = list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]
    return [(MARKS.get(line[:1], ""), line) for line in found]


def label_of(profile: Jurisdiction) -> str:
    return said(profile.label)


def said(words: Any) -> str:
    return str(words.get(reader_language()) or words["en"])


def say_error(error: DocumentError) -> str:
    return f"{error.place}: {error.problem}" + (f" ({error.hint})" if error.hint else "")


def audit(request: StaffRequest, action: str, target: str) -> None:
    staff = request.staff
    record_audit(workspace_id=staff.workspace.id, actor=staff.actor, action=action, target=target[:160], at=staff.at)
