"""The notice that asks a website's visitors, as a document."""

from datetime import datetime
from typing import Any

import pytest

from cultiva.consent.cookie_notices import ink_on, publish_cookie_notice, read_cookie_notice, starter_notice
from cultiva.lib.documents import DocumentError

WORDS = "{title: Cookies, text: May we?, reject: 'No', accept: 'Yes', reopen: Cookies}"


def test_what_it_leaves_out_is_as_in_the_starter() -> None:
    body = read_cookie_notice(f"{{cookie_notice: site, languages: {{en: {WORDS}}}}}").body
    assert (body["position"], body["theme"], body["ask_again_after_months"], body["reopens"]) == (
        "corner",
        "auto",
        12,
        True,
    )
    assert body["languages"]["en"]["reject"] == "No"


def test_a_published_version_never_changes(huerta: Any, at: datetime) -> None:
    first = publish_cookie_notice(workspace_id=huerta.id, text=starter_notice(), at=at)
    assert publish_cookie_notice(workspace_id=huerta.id, text=starter_notice(), at=at).version == 1
    second = publish_cookie_notice(workspace_id=huerta.id, text=starter_notice().replace("Aceptar", "Vale"), at=at)
    first.refresh_from_db()
    assert (second.version, first.body["languages"]["es"]["accept"]) == (2, "Aceptar")


def test_all_that_is_wrong_is_told_at_once() -> None:
    text = (
        "{cookie_notice: site, position: top, colour: green, ask_again_after_months: 36, languages:"
        " {en: {title: Cookies, text: May we?, accept: 'Yes', reopen: Cookies}, es: "
        + WORDS[:-1]
        + ", policy_label: Más,"
        " policy_url: 'javascript:alert(1)'}}}"
    )
    with pytest.raises(DocumentError) as refused:
        read_cookie_notice(text)
    assert [str(each) for each in refused.value.errors] == [
        "position: 'top' is not known\nhint: accepted: corner, bottom, center",
        "colour: 'green' is no colour\nhint: write it as `'#1f6f43'`",
        "ask_again_after_months: 36 is no number of months\nhint: from 1 to 24",
        "languages.en: `reject` is missing",
        "languages.es.policy_url: 'javascript:alert(1)' is no address\nhint: begin with https:// or, on the same site,"
        " with /",
    ]


@pytest.mark.parametrize(("colour", "ink"), [("#ffffff", "#000000"), ("#1f6f43", "#ffffff"), ("#ffd400", "#000000")])
def test_the_words_on_the_buttons_stand_out(colour: str, ink: str) -> None:
    assert ink_on(colour) == ink
