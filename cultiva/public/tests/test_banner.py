"""The consent banner as a file: what the workspace published, for its own keys."""

import gzip
import json
from datetime import datetime
from typing import Any

from django.test import Client

from cultiva.consent.cookie_notices import publish_cookie_notice, starter_notice
from cultiva.events.sources import create_source


def banner_of(key: str) -> tuple[dict[str, Any] | None, str]:
    code = Client().get(f"/banner/{key}").content.decode()
    head, _line, rest = code.partition(";\n")
    return (json.loads(head.removeprefix("const NOTICE=")), rest) if code else (None, "")


def test_it_says_what_the_workspace_of_the_key_published(huerta: Any, other_co: Any, at: datetime) -> None:
    _source, key = create_source(workspace_id=huerta.id, key="web", name="Web", at=at)
    _source, others_key = create_source(workspace_id=other_co.id, key="web", name="Web", at=at)
    assert banner_of(key) == (None, "")  # nothing is published yet
    publish_cookie_notice(workspace_id=huerta.id, text=starter_notice(), at=at)
    notice, code = banner_of(key)
    assert notice
    assert notice["languages"]["es"]["reject"] == "Rechazar"
    assert (notice["version"], notice["category"]) == (1, "analytics")
    assert len(gzip.compress(code.encode(), 9)) <= 3 * 1024
    assert banner_of(others_key) == (None, "")


def test_a_secret_or_unknown_key_gets_an_empty_script(huerta: Any, at: datetime) -> None:
    publish_cookie_notice(workspace_id=huerta.id, text=starter_notice(), at=at)
    _source, secret = create_source(workspace_id=huerta.id, key="erp", name="ERP", kind="server", at=at)
    assert banner_of(secret) == banner_of("pk_nobody") == (None, "")


def test_it_is_asked_for_by_its_mark_and_a_new_version_has_another(huerta: Any, at: datetime) -> None:
    _source, key = create_source(workspace_id=huerta.id, key="web", name="Web", at=at)
    publish_cookie_notice(workspace_id=huerta.id, text=starter_notice(), at=at)
    mark = Client().get(f"/banner/{key}").headers["ETag"]
    assert Client().get(f"/banner/{key}", headers={"If-None-Match": mark}).status_code == 304
    publish_cookie_notice(workspace_id=huerta.id, text=starter_notice().replace("corner", "bottom"), at=at)
    answer = Client().get(f"/banner/{key}", headers={"If-None-Match": mark})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert not answer.cookies
