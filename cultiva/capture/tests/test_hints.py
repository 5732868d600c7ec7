"""What a form's author is told of sensitive questions, and of profiles that nobody was told of."""

from datetime import datetime
from typing import Any

import pytest

from cultiva.capture.hints import hints_of, kinds_of
from cultiva.capture.tests.documents import publish_all
from cultiva.consent.actions import publish_policy
from cultiva.consent.tests.documents import POLICY
from cultiva.scoring.actions import publish_model

MODEL = """
model: readiness
dimensions: {fit: {min: 0, max: 40}}
rules:
  - {key: director, dimension: fit, when: {attribute: job_title, contains: director}, points: 15}
temperature: {warm: 10, hot: 30}
"""


@pytest.mark.parametrize(
    ("texts", "kinds"),
    [
        ({"label": {"es": "¿Tienes alguna alergia?"}}, ["health"]),
        ({"label": {"en": "Any medical condition"}}, ["health"]),
        ({"label": {"es": "Datos"}, "help": {"es": "Indica tu DNI"}}, ["identity"]),
        ({"label": {"es": "Sindicato al que perteneces"}}, ["union"]),
        ({"label": {"en": "Your religion"}}, ["religion"]),
        ({"label": {"es": "Partido político"}}, ["politics"]),
        ({"label": {"en": "Credit card number"}}, ["card"]),
        ({"label": {"es": "Pago"}, "choices": [{"value": "a", "label": {"es": "Cuenta bancaria"}}]}, ["card"]),
        ({"label": {"es": "Acepto la política de privacidad"}}, []),
        ({"label": {"es": "¿Cuántas hectáreas riegas? Nieve, trazado, carrera"}}, []),
        ({"label": None, "choices": [1, None]}, []),
    ],
)
def test_sensitive_questions_are_told_by_their_words(texts: dict[str, Any], kinds: list[str]) -> None:
    assert kinds_of(texts) == kinds


def test_the_hint_names_the_field_and_what_it_asks_for(huerta: Any) -> None:
    field = {"key": "notes", "kind": "text", "label": {"es": "Enfermedades"}}
    (hint,) = hints_of(huerta.id, {"fields": [field, {"key": "email", "label": {"es": "Correo"}}, "none"]})
    assert "«notes» seems to ask for health" in hint


def test_who_is_told_of_no_profiles_gets_no_score_and_the_author_knows(huerta: Any, at: datetime) -> None:
    form = publish_all(huerta.id, at)
    publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    assert hints_of(huerta.id, form.body) == []
    silent = POLICY.replace("profiling: legitimate_interest", "profiling: none")
    publish_policy(workspace_id=huerta.id, text=silent, at=at)
    (hint,) = hints_of(huerta.id, form.body)
    assert "«privacy» tells of no profiles" in hint
