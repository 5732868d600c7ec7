"""Looking for groups among a workspace's leads, from the asking to a draft persona."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from cultiva.consent.models import ConsentMark
from cultiva.criteria.tests.cast import Act, Person, make_months, make_people
from cultiva.events.models import Event
from cultiva.events.verdicts import mark_machine
from cultiva.leads.models import Lead, LeadState
from cultiva.leads.tests import people
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.segments.persona_models import Discovery, Persona
from cultiva.segments.personas import discovering
from cultiva.segments.personas.actions import PersonaRefused
from cultiva.segments.personas.discovering import accept_group, ask_discovery, run_next
from cultiva.segments.personas.features import may_be_used

REAL = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def known(workspace: Any, at: datetime) -> None:
    people.known_attributes(
        workspace, at, job_title="text", sector="text", hectares="number", gender="text", last_name="text"
    )  # fmt: skip


def grower(random: Random) -> Person:
    """Runs a large farm and reads prices; and a woman, which is nobody's business."""
    return Person(
        {"job_title": random.choice(["Directora", "Gerente"]), "sector": "invernadero",
         "hectares": random.randint(80, 400), "gender": "f", "last_name": "García"},
        [Act("page", timedelta(days=random.randint(1, 90)), kind="page", properties={"path": "/precios/a"})
         for _ in range(random.randint(1, 5))],
    )  # fmt: skip


def student(random: Random) -> Person:
    return Person(
        {"job_title": "Estudiante", "sector": random.choice(["universidad", "universidad", "otro"]),
         "hectares": random.randint(0, 9), "gender": "m", "last_name": "Pérez"},
        [Act("page", timedelta(days=random.randint(1, 90)), kind="page", properties={"path": "/blog/b"}),
         *[Act("download", timedelta(days=5))] * random.randint(0, 2)],
    )  # fmt: skip


def fill(workspace: Any, at: datetime, made: list[Person]) -> list[int]:
    make_months(workspace, *(at - timedelta(days=31 * n) for n in range(5)))
    known(workspace, at)
    ids = make_people(workspace, made, at)
    ConsentMark.objects.bulk_create(
        ConsentMark(workspace=workspace, lead_id=id, valid_since=at, profiled_since=at) for id in ids
    )
    LeadState.objects.bulk_create(LeadState(workspace=workspace, lead_id=id, stage_since=at) for id in ids)
    return ids


def look(workspace: Any, at: datetime) -> Discovery:
    asked = ask_discovery(workspace_id=workspace.id, by="user:1", at=at)
    assert run_next(workspace_id=workspace.id, at=at, real_now=REAL) == 1
    asked.refresh_from_db()
    return asked


def test_groups_are_told_with_their_traits_and_criteria_that_find_them_again(huerta: Any, at: datetime) -> None:
    random = Random(3)
    fill(huerta, at, [grower(random) for _ in range(90)] + [student(random) for _ in range(60)])
    done = look(huerta, at)
    assert (done.state, done.leads, done.percent, done.problem) == ("done", 150, 100, "")
    growers, students = done.result["groups"]
    assert (growers["size"], students["size"]) == (90, 60)
    for group in (growers, students):
        assert group["stability"] > 0.95
        assert group["precision"] > 0.95
        assert group["recall"] > 0.95
        assert 1 <= len(group["criteria"]) <= 6
    assert any("invernadero" in trait["words"]["es"] for trait in growers["traits"])
    assert "Estudiante" in students["name"]["en"]
    said = str(done.result)
    assert "gender" not in said  # GDPR art. 9 and the like tell nobody apart here
    assert "García" not in said

    persona = accept_group(
        workspace_id=huerta.id, discovery_id=done.id, number=1, language="es", by="user:1", at=at
    )  # fmt: skip
    assert persona.is_draft
    assert persona.criteria == students["criteria"]
    again = accept_group(workspace_id=huerta.id, discovery_id=done.id, number=1, language="es", by="user:1", at=at)
    assert again.id == persona.id
    assert Persona.objects.count() == 1
    with pytest.raises(PersonaRefused, match="no such group"):
        accept_group(workspace_id=huerta.id, discovery_id=done.id, number=2, language="es", by="user:1", at=at)


def test_people_who_have_nothing_in_common_are_no_groups(huerta: Any, at: datetime) -> None:
    random = Random(4)
    fill(huerta, at, [
        Person(
            {"job_title": random.choice(["a", "b", "c"]), "sector": random.choice("xyz"),
             "hectares": random.randint(1, 100)},
            [Act(random.choice(["download", "webinar"]), timedelta(days=3))] * random.randint(0, 2),
        )
        for _ in range(200)
    ])  # fmt: skip
    done = look(huerta, at)
    assert (done.state, done.result["groups"]) == ("done", [])


def test_only_who_may_be_profiled_is_looked_at(huerta: Any, at: datetime) -> None:
    random = Random(3)
    ids = fill(huerta, at, [grower(random) for _ in range(70)])
    ConsentMark.objects.filter(lead_id__in=ids[:20]).update(objected_at=at)
    ConsentMark.objects.filter(lead_id__in=ids[20:30]).update(valid_since=None)
    Lead.objects.filter(id=ids[30]).update(merged_into=ids[31])
    done = look(huerta, at)
    assert (done.leads, done.leads_known, done.result["why_none"]) == (39, 39, "few")


def test_one_look_at_a_time_and_a_worker_that_died_leaves_it_to_the_next(huerta: Any, at: datetime) -> None:
    first = ask_discovery(workspace_id=huerta.id, by="user:1", at=at)
    assert ask_discovery(workspace_id=huerta.id, by="user:2", at=at).id == first.id
    Discovery.objects.filter(id=first.id).update(state="running", leased_until=REAL + timedelta(minutes=1))
    assert run_next(workspace_id=huerta.id, at=at, real_now=REAL) == 0
    assert run_next(workspace_id=huerta.id, at=at, real_now=REAL + timedelta(minutes=2)) == 1
    assert ask_discovery(workspace_id=huerta.id, by="user:2", at=at).id != first.id


def test_a_search_that_breaks_off_says_so_and_leaves_room_for_another(
    huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovering, "LONGEST", timedelta(0))
    random = Random(3)
    fill(huerta, at, [grower(random) for _ in range(90)])
    failed = look(huerta, at)
    assert failed.state == "failed"
    assert "The search broke off" in failed.problem
    assert ask_discovery(workspace_id=huerta.id, by="user:1", at=at).id != failed.id


@pytest.mark.parametrize(
    ("key", "may"),
    [
        ("job_title", True), ("companySize", True), ("country", True), ("interests", True), ("message_topic", True),
        ("gender", False), ("Género", False), ("dateOfBirth", False), ("edad", False), ("nationality", False),
        ("religious_beliefs", False), ("language", False), ("health-insurance", False), ("sindicato", False),
        ("denomination_of_faith", False), ("maritalStatus", False), ("politicalParty", False), ("medication", False),
        ("first_name", False), ("company_name", False), ("phone", False), ("tags", False),
    ],
)  # fmt: skip
def test_what_the_law_protects_and_what_names_people_is_no_feature(key: str, may: bool) -> None:
    assert may_be_used(key, "text") is may


def test_what_staff_say_a_machine_did_tells_nothing_of_a_person(huerta: Any, at: datetime) -> None:
    ids = fill(huerta, at, [Person({}, [Act("download", timedelta(days=1)), Act("demo", timedelta(days=2))])])
    [event] = Event.objects.filter(workspace=huerta, name="download")
    mark_machine(workspace_id=huerta.id, lead_id=ids[0], event_id=event.id, is_machine=True, by="user:1", at=at)
    asked = {"workspace": huerta.id, "leads": ids, "at": at, "days": 365}
    with workspace_scope(huerta.id):
        acts = fetch_all(load_sql("segments", "acts_of_people"), asked)
    assert [(row["event"], row["times"]) for row in acts] == [("demo", 1)]
