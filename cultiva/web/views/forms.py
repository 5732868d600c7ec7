"""Forms: the list with figures, one with its versions, writing and publishing one, using it, and what was held."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from csp.constants import SELF
from csp.decorators import csp_replace, csp_update
from django import forms as django_forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.models import Membership, Role
from cultiva.capture import drafts
from cultiva.capture.actions import archive_form
from cultiva.capture.drawing import bind, draw_form, magnet_title
from cultiva.capture.figures import DAYS, Figures, form_figures
from cultiva.capture.forms import guid_of, make_personal_token, make_static_token, show_form, show_version
from cultiva.capture.hints import hints_of
from cultiva.capture.holding import CannotLetIn, let_in, refuse_held
from cultiva.capture.models import FormDraft, FormUpload, FormVersion, HeldSubmission, Submission
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.criteria.references import StillUsed
from cultiva.leads.actions import BadAddress, find_lead
from cultiva.lib.documents import DocumentError
from cultiva.lib.languages import reader_language
from cultiva.lib.markdown import markdown
from cultiva.lib.plugins import plugins
from cultiva.magnets.actions import OBJECTIVES
from cultiva.magnets.models import MagnetVersion
from cultiva.web.charts import sparkline
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.words import OBJECTIVE_WORDS, in_language

MAY_CHANGE = frozenset({Role.OWNER, Role.MARKETING})
MOST_CHARACTERS = 200_000
SPEAKS = {"es": "Español", "en": "English"}
REASONS = {
    "trap": gettext_lazy("filled in a field that people do not see"),
    "too_fast": gettext_lazy("sent within two seconds"),
    "no_proof": gettext_lazy("the browser did not do its sum"),
}


class NewForm(django_forms.Form):
    name = django_forms.CharField(label=gettext_lazy("Name"), max_length=80)
    template = django_forms.ChoiceField(
        label=gettext_lazy("Begin with"), widget=django_forms.RadioSelect(), required=False, initial="newsletter"
    )
    magnet = django_forms.ChoiceField(label=gettext_lazy("Lead magnet that it gives"), required=False)

    def __init__(self, *args: Any, workspace_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        magnets = [(each.key, in_language(each.body["title"])) for each in MagnetVersion.currents(workspace_id)]
        given = self.fields["magnet"]
        assert isinstance(given, django_forms.ChoiceField)
        given.choices = [("", _("none")), *magnets]
        field = self.fields["template"]
        assert isinstance(field, django_forms.ChoiceField)
        field.choices = [(name, in_language(drafts.starter(name)["name"])) for name in drafts.STARTERS]


class CopyForm(django_forms.Form):
    name = django_forms.CharField(label=gettext_lazy("Name of the copy"), max_length=80)


@require_safe
@staff_screen()
def form_list(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    figures = form_figures(workspace_id=staff.workspace.id, at=staff.at)
    in_force = {form.key: form for form in FormVersion.currents(staff.workspace.id)}
    drafted = {draft.key: draft for draft in FormDraft.objects.filter(workspace_id=staff.workspace.id).order_by("key")}
    archived = [form for form in drafts.archived_forms(staff.workspace.id) if form.key not in drafted]
    rows = [
        {
            "key": key,
            "form": in_force.get(key),
            "name": in_force[key].name if key in in_force else _draft_name(drafted[key]),
            "draft": drafted.get(key),
            "figures": figures.get(key, Figures()),
            "picture": _picture(figures.get(key, Figures()), staff.at),
        }
        for key in sorted({*in_force, *drafted})
    ]
    context = {
        "page_title": _("Forms"),
        "rows": rows,
        "archived": archived,
        "held": sum(each.held for each in figures.values()),
        "days": DAYS,
        "now": staff.at,
        "may_change": staff.role in MAY_CHANGE,
    }
    return render(request, "web/forms.html", context)


def _draft_name(draft: FormDraft) -> str:
    texts = drafts.draft_document(draft.workspace_id, draft.key) or {}
    return str(in_language(texts.get("languages") or {}).get("title") or draft.key)


def _picture(figures: Figures, at: Any) -> Any:
    """The share of those who saw it that sent it, day by day."""
    rates = {day: (sent / views if views else 0) for day, views, sent in figures.days}
    days = [(at - timedelta(days=ago)).date() for ago in range(DAYS - 1, -1, -1)]
    return sparkline([min(1.0, rates.get(day, 0)) * 100 for day in days], title=_("Rate, day by day")) if rates else ""


@staff_screen(posts=MAY_CHANGE)
def new_form(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    first = {name: request.GET[name] for name in ("template", "magnet") if request.GET.get(name)}
    form = NewForm(request.POST if request.method == "POST" else None, workspace_id=staff.workspace.id, initial=first)
    if request.method == "POST" and form.is_valid():
        draft = drafts.begin_form(
            workspace_id=staff.workspace.id, **form.cleaned_data, by=staff.actor, at=staff.at
        )  # fmt: skip
        return redirect("web:edit_form", key=draft.key)
    context = {"page_title": _("New form"), "form": form, "may_change": staff.role in MAY_CHANGE}
    return render(request, "web/form_new.html", context, status=422 if form.errors else 200)


@require_safe
@staff_screen()
def form_page(request: StaffRequest, key: str, copy_form: CopyForm | None = None, status: int = 200) -> HttpResponse:
    staff = request.staff
    versions = list(FormVersion.objects.filter(workspace_id=staff.workspace.id, key=key).order_by("-version"))
    if not versions:
        if not FormDraft.objects.filter(workspace_id=staff.workspace.id, key=key).exists():
            raise Http404
        return redirect("web:edit_form", key=key)
    found, older = versions[0], [*versions[1:], None]
    figures = form_figures(workspace_id=staff.workspace.id, at=staff.at).get(key, Figures())
    context = {
        "page_title": found.name,
        "form": found,
        "texts": in_language(found.body["languages"]),
        "objective": OBJECTIVE_WORDS.get(found.body["objective"], found.body["objective"]),
        "is_archived": FormVersion.current(staff.workspace.id, key) is None,
        "has_draft": FormDraft.objects.filter(workspace_id=staff.workspace.id, key=key).exists(),
        "public_address": f"{settings.PUBLIC_URL}/f/{staff.workspace.slug}/{key}",
        "figures": figures,
        "picture": _picture(figures, staff.at),
        "days": DAYS,
        "versions": [
            {"version": each, "changes": drafts.what_changed(before.body, each.body) if before else []}
            for each, before in zip(versions, older, strict=True)
        ],
        "submissions": _sent_lately(staff.workspace.id, key),
        "copy_form": copy_form or CopyForm(),
        "now": staff.at,
        "may_change": staff.role in MAY_CHANGE,
    }
    return render(request, "web/form.html", context, status=status)


def _sent_lately(workspace_id: int, key: str) -> list[Submission]:
    found = Submission.objects.filter(workspace_id=workspace_id, form__key=key)
    uploads = FormUpload.objects.filter(workspace_id=workspace_id).defer("content")
    sent = list(found.select_related("lead").order_by("-id")[:15])
    by_submission: dict[int, list[FormUpload]] = {}
    for upload in uploads.filter(submission_id__in=[each.id for each in sent]).order_by("id"):
        by_submission.setdefault(upload.submission_id, []).append(upload)
    for each in sent:
        each.files = by_submission.get(each.id, [])  # type: ignore[attr-defined]  # for the page
    return sent


@require_safe
@staff_screen()
def upload(request: StaffRequest, upload_id: int) -> HttpResponse:
    """A file that somebody sent: always saved, never shown, whatever it calls itself."""
    found = FormUpload.objects.filter(workspace_id=request.staff.workspace.id, id=upload_id).first()
    if found is None or not request.staff.sees_personal_data:
        raise Http404
    response = HttpResponse(bytes(found.content), content_type="application/octet-stream")
    response.headers["Content-Disposition"] = str(content_disposition_header(True, found.name))
    return response


@csp_update({"frame-src": [SELF]})
@staff_screen(posts=MAY_CHANGE)
def edit_form(request: StaffRequest, key: str) -> HttpResponse:
    """The builder. What it posts is the draft, as JSON; the answer says what is wrong with it."""
    staff = request.staff
    document = drafts.draft_document(staff.workspace.id, key)
    if document is None:
        raise Http404
    if request.method == "POST":
        return _save(request, key)
    languages = list(document.get("languages") or {})
    context = {
        "page_title": in_language(document.get("languages") or {}).get("title") or key,
        "key": key,
        "languages": [(code, SPEAKS.get(code, code)) for code in languages],
        "builder": _builder(request, key, document),
        "may_change": staff.role in MAY_CHANGE,
        "is_published": FormVersion.current(staff.workspace.id, key) is not None,
    }
    return render(request, "web/form_edit.html", context)


def _save(request: StaffRequest, key: str) -> HttpResponse:
    staff = request.staff
    text = request.POST.get("document", "")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("form") != key or len(text) > MOST_CHARACTERS:
        return JsonResponse({"problems": [_("This could not be saved.")]}, status=422)
    drafts.save_draft(workspace_id=staff.workspace.id, key=key, document=document, by=staff.actor, at=staff.at)
    hints = hints_of(staff.workspace.id, document)
    return JsonResponse({"problems": _problems(request, document), "hints": hints})


def _problems(request: StaffRequest, document: dict[str, Any]) -> list[str]:
    staff = request.staff
    try:
        drafts.try_draft(workspace_id=staff.workspace.id, document=document, at=staff.at)
    except DocumentError as error:
        return [str(each) for each in error.errors]
    return []


def _builder(request: StaffRequest, key: str, document: dict[str, Any]) -> dict[str, Any]:
    """All that the component needs: the document, and what can be chosen."""
    workspace_id = request.staff.workspace.id
    members = Membership.objects.filter(workspace_id=workspace_id, user__is_active=True).select_related("user")
    return {
        "document": document,
        "kinds": [
            {"kind": kind, "label": str(each.label), "part": each.part, "settings": _settings(each.Settings)}
            for kind, each in plugins("fields").items()
        ],
        "objectives": [[each, str(OBJECTIVE_WORDS[each])] for each in OBJECTIVES],
        "policies": list(PolicyVersion.currents(workspace_id).values_list("key", flat=True)),
        "purposes": [[each.key, each.name] for each in PurposeVersion.currents(workspace_id)],
        "magnets": [[each.key, in_language(each.body["title"])] for each in MagnetVersion.currents(workspace_id)],
        "members": [membership.user.email for membership in members.order_by("id")],
        "languages": [[code, name] for code, name in SPEAKS.items()],
        "texts": _texts(),
        "problems": _problems(request, document),
        "hints": hints_of(workspace_id, document),
    }


def _settings(form: type[django_forms.Form]) -> list[dict[str, Any]]:
    """The settings of a kind as the component draws them."""
    found = []
    for name, field in form.base_fields.items():
        choices = [[str(value), str(label)] for value, label in getattr(field, "choices", [])]
        kind = (
            "choices" if name == "choices"
            else "texts" if isinstance(field, django_forms.JSONField)
            else "many" if isinstance(field, django_forms.MultipleChoiceField)
            else "choice" if choices
            else "number" if isinstance(field, (django_forms.IntegerField, django_forms.FloatField))
            else "date" if isinstance(field, django_forms.DateField)
            else "text"
        )  # fmt: skip
        found.append({"name": name, "label": str(field.label or name), "type": kind, "choices": choices})
    return found


def _texts() -> dict[str, str]:
    return {
        "up": _("Move up"), "down": _("Move down"), "remove": _("Take out"), "label": _("Label"), "help": _("Help"),
        "key": _("Attribute of the lead"), "required": _("Required"), "ask": _("Ask only if it is not known yet"),
        "prefill": _("Fill in what was said before, by a personal link"), "when": _("Ask only if"),
        "always": _("always"), "is": _("is"), "is_not": _("is not"), "is_not_empty": _("is answered"),
        "is_empty": _("is not answered"), "any_of": _("is one of (commas)"), "contains": _("contains"),
        "own": _("a condition written by hand"), "choices": _("Choices, one a line: value = label"),
        "saved": _("Saved."), "saving": _("Saving…"), "failed": _("Not saved: check your connection."),
        "moved": _("%(name)s is now in place %(place)s."), "added": _("%(name)s was added."),
        "sound": _("Nothing is missing: it can be published."), "none": _("none"),
    }  # fmt: skip


@xframe_options_sameorigin
@csp_replace({"frame-ancestors": [SELF]})
@require_safe
@staff_screen()
def preview(request: StaffRequest, key: str) -> HttpResponse:
    """The draft as visitors would see it; where it is not sound, what is wrong."""
    staff = request.staff
    document = drafts.draft_document(staff.workspace.id, key)
    if document is None:
        raise Http404
    language = request.GET.get("lang", "")
    try:
        version = drafts.try_draft(workspace_id=staff.workspace.id, document=document, at=staff.at)
        shown = show_version(version, languages=[language, staff.workspace.language], at=staff.at)
    except DocumentError as error:
        return render(request, "web/form_unsound.html", {"problem": str(error), "language": reader_language()})
    if shown is None:
        raise Http404
    with translation.override(shown.language):
        text = render_to_string(
            "public/form.html",
            {
                "language": shown.language, "workspace": staff.workspace, "shown": shown,
                "intro": markdown.render(shown.texts.get("intro", "")),
                "card": draw_form(shown, staff.workspace.slug, bind(shown), action="#"),
                "magnet": magnet_title(version, shown.language), "is_preview": True,
            },
        )  # fmt: skip
    return HttpResponse(text)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def publish(request: StaffRequest, key: str) -> HttpResponse:
    staff = request.staff
    document = drafts.draft_document(staff.workspace.id, key) or {}
    if missing := _problems(request, document):
        for each in missing:
            messages.error(request, each)
        return redirect("web:edit_form", key=key)
    version = drafts.publish_draft(workspace_id=staff.workspace.id, key=key, at=staff.at)
    messages.success(request, _("Version %(n)s is published.") % {"n": version.version})
    return redirect("web:use_form", key=key) if version.version == 1 else redirect("web:form", key=key)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def discard(request: StaffRequest, key: str) -> HttpResponse:
    drafts.discard_draft(workspace_id=request.staff.workspace.id, key=key)
    messages.success(request, _("The draft is gone; the published version stays as it is."))
    return redirect("web:forms")


@require_POST
@staff_screen(posts=MAY_CHANGE)
def copy(request: StaffRequest, key: str) -> HttpResponse:
    staff, form = request.staff, CopyForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give the copy a name."))
        return redirect("web:form", key=key)
    if drafts.draft_document(staff.workspace.id, key) is None:
        raise Http404
    draft = drafts.begin_form(
        workspace_id=staff.workspace.id, name=form.cleaned_data["name"], copy_of=key, by=staff.actor, at=staff.at
    )
    return redirect("web:edit_form", key=draft.key)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def personal_link(request: StaffRequest, key: str) -> HttpResponse:
    """A link that is taken for one lead: what it fills in is theirs, so it goes to them alone."""
    staff = request.staff
    if FormVersion.current(staff.workspace.id, key) is None or not staff.sees_personal_data:
        raise Http404
    try:
        lead = find_lead(workspace_id=staff.workspace.id, email=request.POST.get("email", "").strip())
    except BadAddress:
        lead = None
    if lead is None:
        messages.error(request, _("No lead has this address."))
    else:
        token = make_personal_token(workspace_id=staff.workspace.id, lead_id=lead.id, at=staff.at)
        address = f"{settings.PUBLIC_URL}/f/{staff.workspace.slug}/{key}?for={token}"
        said = _("Good for 30 days, and only for %(name)s: %(address)s")
        messages.success(request, said % {"name": lead.full_name, "address": address})
    return redirect("web:use_form", key=key)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def archive(request: StaffRequest, key: str) -> HttpResponse:
    staff = request.staff
    try:
        archive_form(workspace_id=staff.workspace.id, key=key, by=staff.actor, at=staff.at)
    except StillUsed as error:
        messages.error(request, str(error))
        return redirect("web:form", key=key)
    messages.success(request, _("Archived: its page is gone, what was sent stays. Publish it to bring it back."))
    return redirect("web:forms")


@require_safe
@staff_screen()
def use(request: StaffRequest, key: str) -> HttpResponse:
    """Snippets to copy: each way to use a form."""
    staff = request.staff
    found = FormVersion.current(staff.workspace.id, key)
    if found is None:
        raise Http404
    shown = show_form(workspace_id=staff.workspace.id, key=key, languages=[staff.workspace.language], at=staff.at)
    if shown is None:
        raise Http404
    place, url = f"{staff.workspace.slug}/{key}", settings.PUBLIC_URL
    address = f"{url}/f/{place}"
    context = {
        "page_title": _("Use %(name)s") % {"name": found.name},
        "form": found,
        "address": address,
        "embed": f'<script async src="{url}/embed.js" data-form="{place}"></script>',
        "html": _static_html(shown, staff.workspace.slug, address),
        "json": _json_call(shown, address),
        "hubspot": f"{url}/submissions/v3/integration/submit/{staff.workspace.id}/{guid_of(staff.workspace.id, key)}",
        "origins": found.body.get("origins", []),
        "may_change": staff.role in MAY_CHANGE,
    }
    return render(request, "web/form_use.html", context)


def _static_html(shown: Any, workspace: str, address: str) -> str:
    """The whole form for somebody's own page; it names what it shows, so that the proof does."""
    static = replace(shown, token=make_static_token(shown), person=None)
    form = bind(static)
    text = draw_form(static, workspace, form, action=address)
    return "\n".join(line for line in text.splitlines() if line.strip())


def _json_call(shown: Any, address: str) -> str:
    answers = {
        each["key"]: "…" for each in shown.form.body["fields"] if plugins("fields")[each["kind"]].part == "question"
    }
    body = {"token": make_static_token(shown), "fields": {**answers, "policy-accepted": True}, "page_url": "https://…"}
    return json.dumps(body, ensure_ascii=False, indent=2)


@staff_screen(posts=MAY_CHANGE)
def held(request: StaffRequest) -> HttpResponse:
    """What a program seems to have sent: let in, or refused."""
    staff = request.staff
    if request.method == "POST":
        return _decide(request)
    found = HeldSubmission.objects.filter(workspace_id=staff.workspace.id, state="waiting").select_related("form")
    rows = [
        {
            "held": each,
            "reason": REASONS.get(each.reason, each.reason),
            "answers": [
                (name, ", ".join(values))
                for name, values in each.posted.items()
                if "-" not in name and any(values) and staff.sees_personal_data
            ],
        }
        for each in found.order_by("-received_at", "-id")[:100]
    ]
    context = {
        "page_title": _("Held back"), "rows": rows, "now": staff.at, "may_change": staff.role in MAY_CHANGE,
    }  # fmt: skip
    return render(request, "web/forms_held.html", context)


def _decide(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    held_id = int(request.POST["held"]) if request.POST.get("held", "").isdigit() else 0
    if not HeldSubmission.objects.filter(workspace_id=staff.workspace.id, id=held_id).exists():
        raise Http404
    if request.POST.get("decision") == "let_in":
        try:
            let_in(workspace_id=staff.workspace.id, held_id=held_id, at=staff.at)
            messages.success(request, _("It was let in: the lead is there."))
        except CannotLetIn as error:
            messages.error(request, _("It cannot be let in: %(why)s") % {"why": error})
    else:
        refuse_held(workspace_id=staff.workspace.id, held_ids=[held_id])
        messages.success(request, _("Refused, and forgotten."))
    return redirect("web:held_forms")
