"""A form and its thanks as HTML, the same in our own page, in an embed and in a snippet to copy."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.datastructures import MultiValueDict

from cultiva.capture.actions import Outcome
from cultiva.capture.fields import in_language
from cultiva.capture.forms import TOKEN, CaptureForm, Shown
from cultiva.capture.guarding import make_sum
from cultiva.capture.models import FormVersion
from cultiva.lib.markdown import markdown
from cultiva.lib.plugins import plugin
from cultiva.lib.signing import sign_until
from cultiva.magnets.actions import DOWNLOAD_LIFE, download_link
from cultiva.magnets.models import MagnetVersion

CAME_FROM = "came-from"  # the page that led to the form, carried from GET to POST


class Posted(Protocol):
    """What a door read of a request."""

    @property
    def fields(self) -> MultiValueDict[str, str]: ...

    @property
    def files(self) -> MultiValueDict[str, Any]: ...


def bind(shown: Shown, posted: Posted | None = None, parameters: Mapping[str, str] | None = None) -> CaptureForm:
    """The form with its labels and errors in the language shown."""
    with translation.override(shown.language):
        files: MultiValueDict[str, Any] | None = posted.files if posted else None
        form = CaptureForm(shown, posted.fields if posted else None, files, parameters=parameters)
        form.is_valid()
    return form


def draw_form(
    shown: Shown,
    workspace: str,
    form: CaptureForm,
    *,
    hidden: Mapping[str, str] | None = None,
    is_stale: bool = False,
    wait_seconds: int = 0,
    action: str = "",
) -> str:
    """The <form> with everything in it. `hidden`: more fields that nobody sees."""
    needs_sum = bool(shown.form.body.get("proof_of_work")) and bool(shown.token)
    with translation.override(shown.language):
        return render_to_string(
            "public/_form.html",
            {
                "shown": shown,
                "form": form,
                "steps": form.steps,
                "consent": draw_consent(shown, workspace, form),
                "hidden": {TOKEN: shown.token, **(hidden or {})},
                "sum": json.dumps(make_sum(shown.token)) if needs_sum else "",
                "started": reverse("public:form_started", args=[workspace, shown.form.key]),
                "is_stale": is_stale,
                "wait_seconds": wait_seconds,
                "action": action,
            },
        )


def draw_consent(shown: Shown, workspace: str, form: CaptureForm) -> str:
    """The first layer of the notice and the boxes; what a person sees of it on arrival is hashed into the evidence."""
    with translation.override(shown.language):
        return render_to_string("public/_consent.html", {"workspace_slug": workspace, "shown": shown, "form": form})


_digests: dict[tuple[object, ...], str] = {}  # versions never change, so neither does what is drawn of them


def consent_digest(shown: Shown, workspace: str) -> str:
    versions = (shown.form.id, shown.policy.id, *(purpose.id for purpose in shown.purposes), shown.language)
    if versions not in _digests:
        drawn = draw_consent(shown, workspace, bind(replace(shown, person=None)))
        _digests[versions] = hashlib.sha256(drawn.encode()).hexdigest()
    return _digests[versions]


def draw_thanks(form: FormVersion, outcome: Outcome, language: str, *, is_mailed: bool, at: datetime) -> str:
    with translation.override(language):
        return render_to_string(
            "public/_thanks.html",
            {
                "thanks": markdown.render(form.body["languages"][language]["thanks"]),
                "magnet": magnet_title(form, language),
                "download": download_path(form, outcome, at),
                "is_file": gives_file(form),
                "is_mailed": is_mailed,
            },
        )


def redirect_of(form: FormVersion, language: str) -> str:
    """Where a form sends people instead of thanking them; empty: nowhere."""
    then = form.body.get("then")
    return in_language(then["redirect"], language) if isinstance(then, dict) else ""


def download_path(form: FormVersion, outcome: Outcome, at: datetime) -> str:
    """The magnet's link. Who was not believed gets one that leads nowhere: the page must not tell."""
    if not form.body["magnet"]:
        return ""
    if outcome.grant:
        return download_link(outcome.grant, at)
    return f"/d/{sign_until('download', at + DOWNLOAD_LIFE, form.workspace_id, 0)}"


def gives_file(form: FormVersion) -> bool:
    """Whether the magnet's link gives a file at once, and no page."""
    magnet = form.body["magnet"]
    version = MagnetVersion.current(form.workspace_id, magnet) if magnet else None
    return version is not None and plugin("kinds", version.body["kind"]).opens_as == "download"


def magnet_title(form: FormVersion, language: str) -> str:
    magnet = form.body["magnet"]
    version = MagnetVersion.current(form.workspace_id, magnet) if magnet else None
    if version is None:
        return ""
    titles = version.body["title"]
    return str(titles.get(language) or next(iter(titles.values())))
