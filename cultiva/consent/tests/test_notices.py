"""What may be published: a policy with every part the law asks for, in each of its languages."""

import re
from datetime import datetime
from typing import Any

import pytest

from cultiva.consent.actions import publish_policy, publish_purpose
from cultiva.consent.models import PolicyVersion
from cultiva.consent.tests.documents import MARKETING, POLICY
from cultiva.lib.documents import DocumentError


def test_a_policy_is_published_once_a_change(huerta: Any, at: datetime) -> None:
    first = publish_policy(workspace_id=huerta.id, text=POLICY, at=at)
    same = publish_policy(workspace_id=huerta.id, text=POLICY, at=at)
    second = publish_policy(workspace_id=huerta.id, text=POLICY.replace("Tres años", "Dos años"), at=at)
    assert (first.version, same.id, second.version) == (1, first.id, 2)
    assert "Tres años" in PolicyVersion.objects.get(id=first.id).body["languages"]["es"]["text"]


@pytest.mark.parametrize(
    ("line", "place", "part"),
    [
        (r"      - \[Responsable.*\n", "languages.es.first_layer", "Responsable"),
        (r"      - \[Finalidad.*\n", "languages.es.first_layer", "Finalidad"),
        (r"      - \[Base jurídica.*\n", "languages.es.first_layer", "Base jurídica"),
        (r"      - \[Destinatarios.*\n", "languages.es.first_layer", "Destinatarios"),
        (r"      - \[Transferencias.*\n", "languages.es.first_layer", "Transferencias internacionales"),
        (r"      - \[Derechos.*\n", "languages.es.first_layer", "Derechos"),
        (r"      - \[Controller.*\n", "languages.en.first_layer", "Controller"),
        (r"      - \[International transfers.*\n", "languages.en.first_layer", "International transfers"),
        (r" y elaborar un perfil de tus intereses", "languages.es.first_layer", "elaboración de perfiles"),
        (r"## Profiling\n", "languages.en.text", "profiling"),
        (r"## Plazo de conservación\n", "languages.es.text", "plazo de conservación"),
        (r"## Retention\n", "languages.en.text", "retention"),
        (r"portabilidad, ", "languages.es.text", "derecho de portabilidad"),
        (r"; you can withdraw it", "languages.en.text", "withdrawal of consent"),
        (
            r"      Puedes presentar una reclamación.*\n",
            "languages.es.text",
            "reclamación ante la autoridad de control",
        ),
    ],
)
def test_it_refuses_a_policy_without_a_part_and_names_it(
    huerta: Any, at: datetime, line: str, place: str, part: str
) -> None:
    shortened = re.sub(line, "", POLICY)
    assert shortened != POLICY
    with pytest.raises(DocumentError) as refused:
        publish_policy(workspace_id=huerta.id, text=shortened, at=at)
    assert place in refused.value.place
    assert f"«{part}»" in str(refused.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("profiling: legitimate_interest", "profiling: perhaps"), "accepted: legitimate_interest, consent, none"),
        (("controller:", "controler:"), "did you mean `controller`?"),
        (("  address: Calle del Agua 3, 46001 Valencia\n", ""), "`address` is missing"),
        (("  es:\n    title", "  fr:\n    title"), "unknown key `fr`"),
        (("policy: privacy", "policy: Mi Política"), "cannot be a key"),
    ],
)
def test_it_says_what_is_wrong_with_a_policy(huerta: Any, at: datetime, change: tuple[str, str], words: str) -> None:
    with pytest.raises(DocumentError) as refused:
        publish_policy(workspace_id=huerta.id, text=POLICY.replace(*change), at=at)
    assert words in str(refused.value)


def test_without_profiling_nobody_need_be_told_of_profiles(huerta: Any, at: datetime) -> None:
    text = POLICY.replace("profiling: legitimate_interest", "profiling: none").replace("perfil", "resumen")
    assert publish_policy(workspace_id=huerta.id, text=text, at=at).body["profiling"] == "none"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("purpose: marketing", "purpose: transactional"), "nobody consents"),
        (("channel: email", "channel: pigeon"), "accepted: email, phone"),
        (("position: 1", "position: first"), "a whole number"),
        (("{label: I want to receive advice and offers by e-mail}", "{label: ' '}"), "a text is needed"),
    ],
)
def test_it_says_what_is_wrong_with_a_purpose(huerta: Any, at: datetime, change: tuple[str, str], words: str) -> None:
    with pytest.raises(DocumentError) as refused:
        publish_purpose(workspace_id=huerta.id, text=MARKETING.replace(*change), at=at)
    assert words in str(refused.value)
