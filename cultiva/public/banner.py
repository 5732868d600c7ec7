"""The consent banner of a website: the script with the notice of the key's workspace, fetched by `/t.js`."""

import hashlib
import json

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import condition, require_safe

from cultiva.consent.cookie_notices import current_notice, shown_notice
from cultiva.events.sources import find_source
from cultiva.lib.database import workspace_scope
from cultiva.public.tracking_script import loadable, script


def banner_code(write_key: str) -> bytes:
    """An empty script where the key is not a good one, or its workspace published no notice."""
    source = find_source(write_key)
    if source is None or source.is_secret:
        return b""
    with workspace_scope(source.workspace_id):
        notice = current_notice(source.workspace_id)
    if notice is None:
        return b""
    return with_notice(shown_notice(notice.body, version=notice.version, category=source.consent_category))


def with_notice(shown: object) -> bytes:
    return b"const NOTICE=" + json.dumps(shown, sort_keys=True).encode() + b";\n" + script("banner.js")


def _mark(request: HttpRequest, write_key: str) -> str:
    request.banner_code = banner_code(write_key)  # type: ignore[attr-defined]  # looked up once for both
    return f'"{hashlib.sha256(request.banner_code).hexdigest()[:16]}"'  # type: ignore[attr-defined]


@require_safe
@condition(etag_func=_mark)
def banner(request: HttpRequest, write_key: str) -> HttpResponse:
    return loadable(request.banner_code)  # type: ignore[attr-defined]
