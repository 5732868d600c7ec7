"""The notice that asks a website's visitors: its words and looks with a live preview, its versions, what they chose."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from cultiva.accounts.models import LANGUAGES
from cultiva.consent.cookie_notices import (
    KEY,
    LONGEST_MONTHS,
    STARTER,
    current_notice,
    publish_cookie_notice,
    read_cookie_notice,
    shown_notice,
    starter_notice,
)
from cultiva.consent.models import CookieNoticeVersion
from cultiva.documents.normal import write_yaml
from cultiva.events.models import EventSource
from cultiva.events.seen import count_named
from cultiva.lib.documents import DocumentError
from cultiva.lib.languages import reader_language
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.views.policies import MAY_PUBLISH, audit, say_error, with_differences

DAYS = 30
GIVEN, REFUSED, WITHDRAWN = CHOICES = (
    "Tracking Consent Given", "Tracking Consent Refused", "Tracking Consent Withdrawn",
)  # fmt: skip
POSITIONS = [
    ("corner", gettext_lazy("In the lower corner")),
    ("bottom", gettext_lazy("Along the lower edge")),
    ("center", gettext_lazy("In the middle")),
]
THEMES = [
    ("auto", gettext_lazy("As the visitor's device: light or dark")),
    ("light", gettext_lazy("Light")),
    ("dark", gettext_lazy("Dark")),
]
WORDS = [
    ("title", gettext_lazy("Title (%(language)s)"), 120, True),
    ("text", gettext_lazy("What it says (%(language)s)"), 1000, True),
    ("reject", gettext_lazy("Button to refuse (%(language)s)"), 40, True),
    ("accept", gettext_lazy("Button to accept (%(language)s)"), 40, True),
    ("reopen", gettext_lazy("Button that shows it again (%(language)s)"), 40, True),
    ("policy_label", gettext_lazy("Link to your cookie policy (%(language)s)"), 40, False),
    ("policy_url", gettext_lazy("Address of that policy (%(language)s)"), 500, False),
]


class NoticeForm(forms.Form):
    """The words of each language have its code behind their name."""

    position = forms.ChoiceField(label=gettext_lazy("Where it stands"), choices=POSITIONS)
    theme = forms.ChoiceField(label=gettext_lazy("Light or dark"), choices=THEMES)
    colour = forms.CharField(
        label=gettext_lazy("Colour of both buttons"), widget=forms.TextInput({"type": "color"}),
        help_text=gettext_lazy("The two look alike on purpose: refusing must be as easy as accepting."),
    )  # fmt: skip
    ask_again_after_months = forms.IntegerField(
        label=gettext_lazy("Ask again after so many months"), min_value=1, max_value=LONGEST_MONTHS
    )
    reopens = forms.BooleanField(
        label=gettext_lazy("Keep a small button that shows it again"), required=False,
        help_text=gettext_lazy("Without it, put a link to #cultiva-consent on your pages: minds change."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code, language in LANGUAGES:
            for part, label, most, _must in WORDS:
                self.fields[f"{part}_{code}"] = forms.CharField(
                    label=label % {"language": language}, max_length=most, required=False,
                    widget=forms.Textarea({"rows": 3}) if part == "text" else None,
                )  # fmt: skip

    def as_yaml(self) -> str:
        given = self.cleaned_data
        looks = {name: given[name] for name in self.base_fields}
        languages = {}
        for code, _language in LANGUAGES:
            said = {part: given[f"{part}_{code}"] for part, _label, _most, _must in WORDS}
            if any(said.values()):
                languages[code] = {part: said[part] for part, _l, _m, must in WORDS if must or said[part]}
        return write_yaml({"cookie_notice": KEY} | looks | {"languages": languages})


@staff_screen(posts=MAY_PUBLISH)
def cookie_notice(request: StaffRequest) -> HttpResponse:
    staff = request.staff
    current = current_notice(staff.workspace.id)
    form = NoticeForm(request.POST or None, initial=initial_of(current.body if current else STARTER))
    if request.method == "POST" and form.is_valid():
        try:
            made = publish_cookie_notice(workspace_id=staff.workspace.id, text=form.as_yaml(), at=staff.at)
        except DocumentError as error:
            for each in error.errors:
                form.add_error(None, say_error(each))
        else:
            audit(request, "cookie_notice.published", str(made))
            messages.success(request, _("Version %(n)s is in force.") % {"n": made.version})
            return redirect("web:cookie_notice")
    versions = CookieNoticeVersion.objects.filter(workspace_id=staff.workspace.id, key=KEY).order_by("-version")
    context = {
        "page_title": _("Cookie notice"),
        "form": form,
        "current": current,
        "versions": with_differences(list(versions)),
        "chosen": chosen(request),
        "days": DAYS,
        "frame": frame_of(current.body if current else read_cookie_notice(starter_notice()).body, reader_language()),
        "sites": EventSource.objects.filter(workspace_id=staff.workspace.id, kind="site", stopped_at=None),
        "may_publish": staff.role in MAY_PUBLISH,
        "now": staff.at,
    }
    return render(request, "web/cookie_notice.html", context, status=422 if form.errors else 200)


@require_POST
@staff_screen(posts=MAY_PUBLISH)
def preview(request: StaffRequest) -> HttpResponse:
    """The frame with what the form says now; where it is not sound, what is wrong. htmx puts it in its place."""
    form = NoticeForm(request.POST)
    problems = [f"{form[name].label}: {' '.join(map(str, each))}" for name, each in form.errors.items()]
    context: dict[str, Any] = {"problems": problems}
    if not problems:
        try:
            body = read_cookie_notice(form.as_yaml()).body
            context["frame"] = frame_of(body, reader_language())
        except DocumentError as error:
            context["problems"] = [say_error(each) for each in error.errors]
    return render(request, "web/_cookie_notice_preview.html", context)


def frame_of(body: dict[str, Any], language: str) -> str:
    """A page of its own that shows the banner, for a frame's `srcdoc`: whatever is chosen there touches nothing."""
    shown = shown_notice(body, version=0, category="analytics")
    return render_to_string("web/cookie_notice_frame.html", {"notice": shown, "language": language})


def initial_of(body: dict[str, Any]) -> dict[str, Any]:
    looks = {name: body[name] for name in NoticeForm.base_fields}
    return looks | {f"{part}_{code}": text for code, said in body["languages"].items() for part, text in said.items()}


def chosen(request: StaffRequest) -> list[tuple[str, int]]:
    """What visitors chose in the last days, by what the banner told."""
    staff = request.staff
    since = staff.at.astimezone(ZoneInfo(staff.workspace.time_zone)).date() - timedelta(days=DAYS - 1)
    counts = count_named(workspace_id=staff.workspace.id, names=CHOICES, since=since)
    labels = {GIVEN: _("accepted"), REFUSED: _("refused"), WITHDRAWN: _("withdrawn later")}
    return [(labels[name], counts.get(name, 0)) for name in CHOICES]
