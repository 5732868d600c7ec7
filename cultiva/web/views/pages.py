"""Landing pages: the list with figures, one with its versions, writing and publishing one, its pictures."""

import json
from datetime import timedelta
from typing import Any

from csp.decorators import csp_update
from django import forms as django_forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from cultiva.accounts.models import Role
from cultiva.capture.drafts import what_changed
from cultiva.capture.figures import DAYS
from cultiva.capture.landing import drafts
from cultiva.capture.landing.actions import BadBrand, archive_page, brand_of, save_brand
from cultiva.capture.landing.documents import settings_type
from cultiva.capture.landing.figures import PageFigures, page_figures
from cultiva.capture.landing.pictures import MOST_BYTES, add_picture
from cultiva.capture.landing.previews import make_preview
from cultiva.capture.landing.themes import FONTS, THEMES
from cultiva.capture.models import FormVersion, PageDraft, PagePicture, PageVersion
from cultiva.lib.documents import DocumentError
from cultiva.lib.plugins import plugins
from cultiva.lib.uploads import BadUpload
from cultiva.web.charts import sparkline
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.words import in_language

MAY_CHANGE = frozenset({Role.OWNER, Role.MARKETING})
MOST_CHARACTERS = 200_000
SPEAKS = {"es": "Español", "en": "English"}
REFUSED = {
    "too_large": gettext_lazy("A picture may have 8 MB and 40 million pixels."),
    "wrong_sort": gettext_lazy("This is no picture that browsers show: PNG, JPEG, WebP or GIF are."),
    "broken": gettext_lazy("This picture is damaged."),
}


class NewPage(django_forms.Form):
    name = django_forms.CharField(label=gettext_lazy("Name"), max_length=80)
    template = django_forms.ChoiceField(
        label=gettext_lazy("Begin with"), widget=django_forms.RadioSelect(), required=False, initial="ebook"
    )
    form = django_forms.ChoiceField(label=gettext_lazy("Form"), required=False)

    def __init__(self, *args: Any, workspace_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [(form.key, form.name) for form in FormVersion.currents(workspace_id)]
        choices = {
            "template": [(name, in_language(drafts.starter(name)["name"])) for name in drafts.STARTERS],
            "form": [("", _("a new one, that fits the template")), *known],
        }
        for name, offered in choices.items():
            field = self.fields[name]
            assert isinstance(field, django_forms.ChoiceField)
            field.choices = offered


class CopyPage(django_forms.Form):
    name = django_forms.CharField(label=gettext_lazy("Name of the copy"), max_length=80)


class BrandForm(django_forms.Form):
    colour = django_forms.CharField(
        label=gettext_lazy("Colour"), required=False, max_length=7,
        help_text=gettext_lazy("As #187a4c; empty: the theme's. Where it could not be read, it is shown darker."),
    )  # fmt: skip
    font = django_forms.ChoiceField(label=gettext_lazy("Font"), choices=[(key, each[0]) for key, each in FONTS.items()])
    logo = django_forms.FileField(
        label=gettext_lazy("Logo"), required=False, help_text=gettext_lazy("PNG, JPEG, WebP or GIF, at most 8 MB.")
    )
    without_logo = django_forms.BooleanField(label=gettext_lazy("Show the name and no logo"), required=False)


def _address(request: StaffRequest, path: str) -> str:
    return f"{settings.PAGES_URL}/p/{request.staff.workspace.slug}/{path}" if settings.PAGES_URL else ""


@require_safe
@staff_screen()
def page_list(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    figures = page_figures(workspace_id=staff.workspace.id, at=staff.at)
    in_force = {page.key: page for page in PageVersion.currents(staff.workspace.id)}
    drafted = {draft.key: draft for draft in PageDraft.objects.filter(workspace_id=staff.workspace.id).order_by("key")}
    rows = [
        {
            "key": key,
            "page": in_force.get(key),
            "name": in_force[key].name if key in in_force else _draft_name(drafted[key]),
            "address": _address(request, in_force[key].body["path"]) if key in in_force else "",
            "draft": drafted.get(key),
            "figures": figures.get(key, PageFigures()),
            "picture": _picture(figures.get(key, PageFigures()), staff.at),
        }
        for key in sorted({*in_force, *drafted})
    ]
    context = {
        "page_title": _("Landing pages"),
        "rows": rows,
        "archived": [each for each in drafts.archived_pages(staff.workspace.id) if each.key not in drafted],
        "days": DAYS,
        "has_host": bool(settings.PAGES_URL),
        "may_change": staff.role in MAY_CHANGE,
    }
    return render(request, "web/pages.html", context)


def _draft_name(draft: PageDraft) -> str:
    texts = drafts.draft_document(draft.workspace_id, draft.key) or {}
    head = in_language(texts.get("languages") or {})
    return str((head.get("title") if isinstance(head, dict) else "") or draft.key)


def _picture(figures: PageFigures, at: Any) -> Any:
    """Views, day by day."""
    views = {day: seen for day, seen, _sent in figures.days}
    days = [(at - timedelta(days=ago)).date().isoformat() for ago in range(DAYS - 1, -1, -1)]
    return sparkline([float(views.get(day, 0)) for day in days], title=_("Views, day by day")) if views else ""


@staff_screen(posts=MAY_CHANGE)
def new_page(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    first = {name: request.GET[name] for name in ("template", "form") if request.GET.get(name)}
    form = NewPage(request.POST if request.method == "POST" else None, workspace_id=staff.workspace.id, initial=first)
    if request.method == "POST" and form.is_valid():
        draft = drafts.begin_page(workspace_id=staff.workspace.id, **form.cleaned_data, by=staff.actor, at=staff.at)
        return redirect("web:edit_page", key=draft.key)
    context = {"page_title": _("New landing page"), "form": form, "may_change": staff.role in MAY_CHANGE}
    return render(request, "web/page_new.html", context, status=422 if form.errors else 200)


@require_safe
@staff_screen()
def one_page(request: StaffRequest, key: str) -> HttpResponse:
    staff = request.staff
    versions = list(PageVersion.objects.filter(workspace_id=staff.workspace.id, key=key).order_by("-version"))
    if not versions:
        if not PageDraft.objects.filter(workspace_id=staff.workspace.id, key=key).exists():
            raise Http404
        return redirect("web:edit_page", key=key)
    found, older = versions[0], [*versions[1:], None]
    figures = page_figures(workspace_id=staff.workspace.id, at=staff.at).get(key, PageFigures())
    context = {
        "page_title": found.name,
        "page": found,
        "is_archived": PageVersion.current(staff.workspace.id, key) is None,
        "has_draft": PageDraft.objects.filter(workspace_id=staff.workspace.id, key=key).exists(),
        "address": _address(request, found.body["path"]),
        "figures": figures,
        "picture": _picture(figures, staff.at),
        "days": DAYS,
        "versions": [
            {"version": each, "changes": what_changed(before.body, each.body) if before else []}
            for each, before in zip(versions, older, strict=True)
        ],
        "copy_form": CopyPage(),
        "now": staff.at,
        "may_change": staff.role in MAY_CHANGE,
    }
    return render(request, "web/page.html", context)


@csp_update({"frame-src": [settings.PAGES_URL or "'none'"]})
@staff_screen(posts=MAY_CHANGE)
def edit_page(request: StaffRequest, key: str) -> HttpResponse:
    """The builder. What it posts is the draft, as JSON; the answer says what is wrong with it."""
    staff = request.staff
    document = drafts.draft_document(staff.workspace.id, key)
    if document is None:
        raise Http404
    if request.method == "POST":
        return _save(request, key)
    context = {
        "page_title": _("Build %(name)s") % {"name": key},
        "key": key,
        "languages": [(code, SPEAKS.get(code, code)) for code in document.get("languages") or {}],
        "builder": _builder(request, document),
        "preview": _preview(request, key),
        "may_change": staff.role in MAY_CHANGE,
        "is_published": PageVersion.current(staff.workspace.id, key) is not None,
    }
    return render(request, "web/page_edit.html", context)


def _preview(request: StaffRequest, key: str) -> str:
    if not settings.PAGES_URL:
        return ""
    staff = request.staff
    token = make_preview(workspace_id=staff.workspace.id, key=key, at=staff.at)
    return f"{settings.PAGES_URL}/p/~preview/{token}"


def _save(request: StaffRequest, key: str) -> HttpResponse:
    staff = request.staff
    text = request.POST.get("document", "")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("page") != key or len(text) > MOST_CHARACTERS:
        return JsonResponse({"problems": [_("This could not be saved.")]}, status=422)
    drafts.save_draft(workspace_id=staff.workspace.id, key=key, document=document, by=staff.actor, at=staff.at)
    return JsonResponse({"problems": _problems(request, document), "preview": _preview(request, key)})


def _problems(request: StaffRequest, document: dict[str, Any]) -> list[str]:
    try:
        drafts.try_draft(workspace_id=request.staff.workspace.id, document=document, at=request.staff.at)
    except DocumentError as error:
        return [str(each) for each in error.errors]
    return []


def _builder(request: StaffRequest, document: dict[str, Any]) -> dict[str, Any]:
    """All that the component needs: the document, and what can be chosen."""
    workspace_id = request.staff.workspace.id
    pictures = PagePicture.objects.filter(workspace_id=workspace_id).order_by("name")
    return {
        "document": document,
        "kinds": [
            {"kind": kind, "label": str(each.label), "settings": _settings(each.Settings)}
            for kind, each in plugins("blocks").items()
        ],
        "forms": [[form.key, form.name] for form in FormVersion.currents(workspace_id)],
        "pictures": list(pictures.values_list("name", flat=True)),
        "themes": [[key, str(theme.label)] for key, theme in THEMES.items()],
        "languages": [[code, name] for code, name in SPEAKS.items()],
        "texts": _texts(),
        "problems": _problems(request, document),
    }


def _settings(form: type[django_forms.Form]) -> list[dict[str, Any]]:
    return [
        {
            "name": name, "label": str(field.label or name), "type": settings_type(field), "required": field.required,
            "parts": [[key, str(label)] for key, label in getattr(field, "parts", {}).items()],
            "is_long": name == "text",
        }
        for name, field in form.base_fields.items()
    ]  # fmt: skip


def _texts() -> dict[str, str]:
    return {
        "up": _("Move up"), "down": _("Move down"), "remove": _("Take out"), "another": _("Another one"),
        "saved": _("Saved."), "saving": _("Saving…"), "failed": _("Not saved: check your connection."),
        "moved": _("%(name)s is now in place %(place)s."), "added": _("%(name)s was added."),
        "sound": _("Nothing is missing: it can be published."), "none": _("none"), "upload": _("Upload a picture"),
        "languages": _("Languages"), "title": _("Title"), "description": _("Description, for search engines"),
        "path": _("Path"), "theme": _("Theme"), "picture": _("Picture for social networks"),
        "noindex": _("Keep it out of search engines"),
    }  # fmt: skip


@require_POST
@staff_screen(posts=MAY_CHANGE)
def upload_picture(request: StaffRequest) -> HttpResponse:
    staff, file = request.staff, request.FILES.get("picture")
    if file is None:
        return JsonResponse({"problem": str(REFUSED["broken"])}, status=422)
    try:
        content = file.read(MOST_BYTES + 1)
        picture = add_picture(workspace_id=staff.workspace.id, name=str(file.name), content=content, at=staff.at)
    except BadUpload as refused:
        return JsonResponse({"problem": str(REFUSED[refused.reason])}, status=422)
    return JsonResponse({"name": picture.name})


@require_safe
@staff_screen()
def picture_too_large(request: StaffRequest) -> HttpResponse:
    return JsonResponse({"problem": str(REFUSED["too_large"])}, status=413)


@require_safe
@staff_screen()
def logo_too_large(request: StaffRequest) -> HttpResponse:
    messages.error(request, str(REFUSED["too_large"]))
    return redirect("web:brand")


@require_POST
@staff_screen(posts=MAY_CHANGE)
def publish(request: StaffRequest, key: str) -> HttpResponse:
    staff = request.staff
    try:
        version = drafts.publish_draft(workspace_id=staff.workspace.id, key=key, at=staff.at)
    except DocumentError as error:
        for each in error.errors:
            messages.error(request, str(each))
        return redirect("web:edit_page", key=key)
    messages.success(request, _("Version %(n)s is published.") % {"n": version.version})
    return redirect("web:page", key=key)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def discard(request: StaffRequest, key: str) -> HttpResponse:
    drafts.discard_draft(workspace_id=request.staff.workspace.id, key=key)
    messages.success(request, _("The draft is gone; the published version stays as it is."))
    return redirect("web:pages")


@require_POST
@staff_screen(posts=MAY_CHANGE)
def copy(request: StaffRequest, key: str) -> HttpResponse:
    staff, form = request.staff, CopyPage(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give the copy a name."))
        return redirect("web:page", key=key)
    if drafts.draft_document(staff.workspace.id, key) is None:
        raise Http404
    draft = drafts.begin_page(
        workspace_id=staff.workspace.id, name=form.cleaned_data["name"], copy_of=key, by=staff.actor, at=staff.at
    )
    return redirect("web:edit_page", key=draft.key)


@require_POST
@staff_screen(posts=MAY_CHANGE)
def archive(request: StaffRequest, key: str) -> HttpResponse:
    staff = request.staff
    archive_page(workspace_id=staff.workspace.id, key=key, by=staff.actor, at=staff.at)
    messages.success(request, _("Archived: the page is gone, its versions stay. Publish it to bring it back."))
    return redirect("web:pages")


@csp_update({"img-src": [settings.PAGES_URL or "'none'"]})
@staff_screen(posts=MAY_CHANGE)
def brand(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    found = brand_of(staff.workspace.id)
    initial = {"colour": found.colour, "font": found.font} if found else {"font": "system"}
    is_post = request.method == "POST"
    form = BrandForm(request.POST if is_post else None, request.FILES if is_post else None, initial=initial)
    if is_post and form.is_valid() and _save_brand(request, form, found.logo if found else ""):
        messages.success(request, _("Saved."))
        return redirect("web:brand")
    logo = f"{settings.PAGES_URL}/p/{staff.workspace.slug}/~pictures/{found.logo}" if found and found.logo else ""
    context = {
        "page_title": _("Brand"), "form": form, "logo": logo, "may_change": staff.role in MAY_CHANGE,
    }  # fmt: skip
    return render(request, "web/brand.html", context, status=422 if form.errors else 200)


def _save_brand(request: StaffRequest, form: BrandForm, logo: str) -> bool:
    staff, wanted = request.staff, form.cleaned_data
    try:
        if wanted["without_logo"]:
            logo = ""
        elif wanted["logo"]:
            content = wanted["logo"].read(MOST_BYTES + 1)
            logo = add_picture(
                workspace_id=staff.workspace.id, name=wanted["logo"].name, content=content, at=staff.at
            ).name
        save_brand(workspace_id=staff.workspace.id, colour=wanted["colour"], font=wanted["font"], logo=logo)
    except BadUpload as refused:
        form.add_error("logo", str(REFUSED[refused.reason]))
        return False
    except BadBrand as refused:
        form.add_error("colour", str(refused))
        return False
    return True
