"""Why rows were not taken is said in the language of who made the import, whoever does the work."""

import io
from datetime import datetime
from typing import Any
from unittest.mock import patch

import pytest
from django.utils import translation
from django.utils.translation import gettext

from cultiva.capture.imports.mapping import BadPlan, Column, Plan, check_plan, person_reader
from cultiva.capture.imports.reading import Record
from cultiva.capture.imports.refusals import BadRow
from cultiva.capture.imports.running import (
    create_import,
    find_import,
    go_on,
    prepare,
    rehearse,
    rejected_rows,
    start,
    suggest_plan,
)
from cultiva.capture.imports.turns import take_turn
from cultiva.capture.models import Import
from cultiva.capture.tests.conftest import Ready
from cultiva.capture.tests.test_lanes import committed
from cultiva.leads.addresses import REASONS, BadAddress, read_address, say_why
from cultiva.lib.database import workspace_scope

__all__ = ["committed"]
# A row of each kind: not an address, nobody's, one that is not whole, and a good one.
TEXT = 'email,name\nana(at)example.com,Ana\n,Bea\nc@example.com,Carla,9\nd@example.com,"Dora\n'
SPANISH = [
    "'ana(at)example.com' no es una dirección de correo: Una dirección de correo tiene que llevar una @.",
    "la fila no dice de quién es: no tiene correo, teléfono ni identificador externo",
    "la fila tiene 3 celdas y la cabecera 2",
    "en esta fila hay unas comillas sin cerrar",
]
ENGLISH = [
    "'ana(at)example.com' is no e-mail address: An email address must have an @-sign.",
    "the row says not who it is about: no e-mail, telephone or external id",
    "the row has 3 cells, the header 2",
    "a quote in this row is not closed",
]


def uploaded(workspace: Any, at: datetime, language: str) -> Import:
    """By somebody who reads this language."""
    with translation.override(language):
        run = create_import(
            workspace_id=workspace.id, kind="leads", name="p.csv", file=io.BytesIO(TEXT.encode()), at=at
        )
        return prepare(run=run, plan=suggest_plan(run=run, language="es", time_zone="Europe/Madrid"), basis="none")


def reasons(run: Import) -> list[str]:
    return sorted(str(row[1]) for row in list(rejected_rows(run=run))[1:])


@pytest.mark.parametrize(("language", "expected"), [("es", SPANISH), ("en", ENGLISH)])
def test_a_worker_speaks_to_who_made_the_import(
    committed: Any, at: datetime, language: str, expected: list[str]
) -> None:
    """By two lanes and a reader, each a thread: a thread begins without a language."""
    run = uploaded(committed, at, language)
    start(run=run, at=at, actor="test")
    with patch("cultiva.capture.imports.running.CHUNK_ROWS", 1):
        take_turn(workspace_id=committed.id, now=lambda: at, must_stop=lambda: False)
    assert reasons(run) == sorted(expected)


def test_a_worker_goes_back_to_its_own_language(lawful: Any, at: datetime) -> None:
    run = uploaded(lawful, at, "es")
    start(run=run, at=at, actor="test")
    before = translation.get_language()
    take_turn(workspace_id=lawful.id, now=lambda: at, must_stop=lambda: False)
    assert translation.get_language() == before
