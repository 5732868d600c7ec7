"""Why rows were not taken is said in the language of who made the import, whoever does the work."""

import io
from datetime import datetime
from typing import Any
from unittest.mock import patch

import pytest
from django.utils import translation

from cultiva.capture.imports.mapping import Column, Plan
from cultiva.capture.imports.rows import person_reader
from cultiva.capture.imports.running import create_import, prepare, rejected_rows, start, suggest_plan
from cultiva.capture.imports.tables import Record
from cultiva.capture.imports.turns import take_turn
from cultiva.capture.models import Import
from cultiva.capture.tests.conftest import Ready
from cultiva.consent.actions import suppress
from cultiva.leads.addresses import REASONS, BadAddress, read_address, say_why
from cultiva.lib.database import workspace_scope

# What the reader's thread refuses, and last what a lane's does.
TEXT = "email,name\nana(at)example.com,Ana\n,Bea\nc@example.com,Carla,9\nd@example.com,D\x00\neva@example.com,Eva\n"
SPANISH = [
    "'ana(at)example.com' no es una dirección de correo: Una dirección de correo tiene que llevar una @.",
    "la fila no dice de quién es: no tiene correo, teléfono ni identificador externo",
    "la fila tiene 3 celdas y la cabecera 2",
    "la fila contiene un carácter nulo",
    "esta persona pidió que se borraran sus datos",
]
ENGLISH = [
    "'ana(at)example.com' is no e-mail address: An email address must have an @-sign.",
    "the row says not who it is about: no e-mail, telephone or external id",
    "the row has 3 cells, the header 2",
    "the row holds a NUL character",
    "this person asked to be erased",
]


def started(workspace: Any, text: str, at: datetime, language: str, kind: str = "leads") -> Import:
    """By somebody who reads this language."""
    with translation.override(language):
        content = io.BytesIO(text.encode())
        run = create_import(workspace_id=workspace.id, kind=kind, name="p.csv", file=content, at=at)
        plan = suggest_plan(run=run, language="es", time_zone="Europe/Madrid")
        basis = "none" if kind == "leads" else ""
        return start(run=prepare(run=run, plan=plan, basis=basis), at=at, actor="test")


def work(run: Import, at: datetime) -> None:
    take_turn(workspace_id=run.workspace_id, now=lambda: at, must_stop=lambda: False)


def reasons(run: Import) -> set[str]:
    _header, *rows = rejected_rows(run=run)
    return {row[1] for row in rows}


@pytest.mark.parametrize(("language", "said"), [("es", SPANISH), ("en", ENGLISH)])
def test_a_worker_speaks_to_who_made_the_import(committed: Any, at: datetime, language: str, said: list[str]) -> None:
    """In the thread that reads and in those of the lanes, each of which begins without a language."""
    with workspace_scope(committed.id):
        suppress(workspace_id=committed.id, email="eva@example.com", reason="erasure", at=at)
    run = started(committed, TEXT, at, language)
    with patch("cultiva.capture.imports.running.CHUNK_ROWS", 1):
        work(run, at)
    assert reasons(run) == set(said)


def test_a_row_between_two_people_is_explained_in_spanish(lawful: Any, bring_in: Ready, at: datetime) -> None:
    bring_in("email,user id\na@x.es,u1\nb@x.es,u2\n")
    run = started(lawful, "email,user id\na@x.es,u2\n", at, "es")
    work(run, at)
    assert reasons(run) == {
        "su correo es de un lead y su identificador externo de otro; fusiónalos antes o deja fuera uno de los dos"
    }


def test_rows_of_events_are_explained_in_spanish(lawful: Any, at: datetime) -> None:
    text = (
        "event,email,timestamp,properties\n"
        "Seen,nadie@example.com,2024-05-01,\n"
        "Seen,a@example.com,ayer,\n"
        "Seen,a@example.com,2024-05-01,{no\n"
        ",a@example.com,2024-05-01,\n"
    )
    run = started(lawful, text, at, "es", "events")
    work(run, at)
    assert reasons(run) == {
        "ningún lead tiene la dirección nadie@example.com; importa antes los leads",
        "timestamp: 'ayer' no es una fecha (ymd)",
        "properties: no es JSON a partir del carácter 2",
        "el evento no tiene nombre",
    }


def test_a_run_that_fails_says_so_in_spanish(lawful: Any, at: datetime) -> None:
    run = started(lawful, "event,email,timestamp\nSeen,a@example.com,2024-05-01\n", at, "es", "events")
    run.plan["event_source"] = "tienda"
    run.save()
    work(run, at)
    run.refresh_from_db()
    assert run.problem.startswith("No existe la fuente de eventos 'tienda'.\nhint: créala con el comando: cultiva ")


def test_a_worker_goes_back_to_its_own_language(lawful: Any, at: datetime) -> None:
    run = started(lawful, TEXT.replace("\x00", ""), at, "es")
    before = translation.get_language()
    work(run, at)
    assert translation.get_language() == before


def test_rows_that_are_taken_ask_for_no_translation(at: datetime) -> None:
    """Not even one whose proof is not whole, where such rows come in without basis, nor one with a text for a date."""
    columns = {"e": Column("email"), "t": Column("consent_time"), "i": Column("consent_ip"), "d": Column("d", "date")}
    read = person_reader(Plan(columns=columns, incomplete="none"), list(columns), basis="proof", at=at)
    with patch("cultiva.capture.imports.refusals.gettext", side_effect=AssertionError):
        person = read(Record(2, ["ana@example.com", "", "", "mañana"]))
    assert (person.has_basis, person.known) == (False, {"d": "mañana"})


NO_ADDRESSES = [
    "ana", "@x.es", "ana@", "ana@x", "ana@x.1", "ana@x..es", ".ana@x.es", "ana.@x.es", "ana@.x.es", "ana@x.es.",
    "ana@-x.es", "ana@x-.es", "ana@x.es-", "a b@x.es", "ana@x_y.es", "ana@x y.es", "ana@x.invalid", "ana@[1.2.3.4]",
    '"a b"@x.es', "Ana <ana@x.es>", "<ana@x.es> x", f"ana@{'x' * 70}.es", f"ana@{'x.' * 130}es",
    f"{'a' * 60}@{'x.' * 96}es", "ana\u200b@x.es", "ana@xn--a.es",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_wrong_with_an_address_is_said_in_spanish(text: str) -> None:
    with pytest.raises(BadAddress) as refused:
        read_address(text)
    error = refused.value
    assert say_why(error) == str(error)
    assert str(error).startswith(tuple(reason.rstrip(".") for reason in REASONS))
    with translation.override("es"):
        assert " the " not in say_why(error).lower()
