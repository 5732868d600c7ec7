"""Texts to begin with are complete by the law they are for."""

import re
from datetime import datetime
from typing import Any

import pytest

from cultiva.consent.actions import publish_policy, publish_purpose
from cultiva.consent.jurisdictions import jurisdictions
from cultiva.consent.starters import starter_policy, starter_purposes
from cultiva.lib.documents import DocumentError, read_document

WHO = {
    "name": "Huerta: Riego & Cía.", "address": "Calle del Agua 3, Valencia", "email": "privacidad@huerta.example",
    "dpo_email": "dpd@huerta.example",
}  # fmt: skip


@pytest.mark.parametrize("code", list(jurisdictions()))
def test_the_starter_of_each_jurisdiction_is_published_as_it_is_in_both_languages(
    huerta: Any, at: datetime, code: str
) -> None:
    text = starter_policy(jurisdiction=code, **WHO)
    version = publish_policy(workspace_id=huerta.id, text=text, at=at)
    assert version.body["jurisdiction"] == code
    assert set(version.body["languages"]) == {"es", "en"}
    assert version.body["controller"] == WHO
    assert not re.search(r"\{[A-Z]+\}", str(version.body))
    assert "Huerta: Riego & Cía." in version.body["languages"]["es"]["text"]


@pytest.mark.parametrize("code", list(jurisdictions()))
@pytest.mark.parametrize("language", ["es", "en"])
def test_a_starter_without_any_part_that_its_law_asks_for_is_refused_by_name(code: str, language: str) -> None:
    """Every part of the profile is really looked for: a text without its words does not pass."""
    from cultiva.consent.notices import read_policy
    from cultiva.documents.normal import write_yaml
    from cultiva.lib.folding import fold

    whole = read_document(starter_policy(jurisdiction=code, **WHO))
    parts = jurisdictions()[code].notice[language]["second_layer"]
    assert len(parts) >= 11
    for part, words in parts.items():
        body = read_document(write_yaml(whole))
        said = body["languages"][language]
        said["text"] = "\n".join(line for line in said["text"].splitlines() if not any(w in fold(line) for w in words))
        with pytest.raises(DocumentError, match=r"«.+»"):
            read_policy(write_yaml(body))
        assert not any(word in fold(said["text"]) for word in words), part


def test_the_usual_boxes_are_published_as_they_are(huerta: Any, at: datetime) -> None:
    for text in starter_purposes().values():
        version = publish_purpose(workspace_id=huerta.id, text=text, at=at)
        assert set(version.body["languages"]) == {"es", "en"}


def test_a_policy_for_mexico_need_not_say_what_only_europe_asks_for(huerta: Any, at: datetime) -> None:
    text = starter_policy(jurisdiction="MX", **WHO)
    with pytest.raises(DocumentError, match="Base jurídica"):
        publish_policy(workspace_id=huerta.id, text=text.replace("jurisdiction: MX", "jurisdiction: ES"), at=at)
