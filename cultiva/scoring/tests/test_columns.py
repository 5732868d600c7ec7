"""The workspace as columns: a model says over them, of any instant, what the explanation of that instant says."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from django.conf import settings as django_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from cultiva.consent.models import ConsentMark
from cultiva.criteria.columns import workspace_columns, write_history
from cultiva.criteria.offline import Files, Wanted
from cultiva.criteria.tests.cast import Person, Undone, against_the_database, make_months, make_people, pasted
from cultiva.events.actions import NewEvent, record_events
from cultiva.events.archive import archive_closed
from cultiva.events.models import MachineEvent
from cultiva.leads.models import Lead
from cultiva.leads.projecting import project_leads
from cultiva.lib.database import fetch_all
from cultiva.scoring.actions import explain, publish_model
from cultiva.scoring.bulk import compile_bulk_model
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.models import ModelVersion
from cultiva.scoring.offline import read_model, score_files
from cultiva.scoring.tests import samples
from cultiva.scoring.tests.test_agreement import close_when_shown
from cultiva.scoring.tests.test_scoring import MODEL, make_leads
from cultiva.segments.standing import personas_of

DAY = timedelta(days=1)


@pytest.fixture(autouse=True, scope="module")
def data_folder(tmp_path_factory: Any) -> Iterator[None]:
    """Where archives lie."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("data")
        patch.setattr(django_settings, "CONFIG", replace(django_settings.CONFIG, data_folder=folder))
        yield


def totals_of(version: ModelVersion, instants: Sequence[datetime]) -> list[dict[int, float]]:
    """{lead: total} as of each instant; the last one is the present."""
    model, personas = ScoringModel.read(version.body), dict(personas_of(version.workspace_id))
    compiled = compile_bulk_model(model, timezone=version.workspace.time_zone, personas=personas)
    wanted = Wanted(compiled.attributes, compiled.properties, compiled.events)
    found = []
    with workspace_columns(
        workspace_id=version.workspace_id, wanted=wanted, since=min(instants), until=max(instants)
    ) as columns:
        for instant in instants:
            columns.stand_at(instant)
            rows = columns.connection.execute(
                f"SELECT lead_id, total FROM ({compiled.scores.sql})", compiled.scores.bound(instant)
            )
            found.append(dict(rows.fetchall()))
    return found


def explained(version: ModelVersion, instants: Sequence[datetime]) -> list[dict[int, float]]:
    leads = list(Lead.objects.filter(workspace=version.workspace).values_list("id", flat=True))
    of_each = [
        {lead: explain(workspace_id=version.workspace_id, lead_id=lead, model=version, at=instant) for lead in leads}
        for instant in instants
    ]
    return [{lead: each.shown_total for lead, each in found.items() if each is not None} for found in of_each]


@settings(against_the_database, max_examples=25)
@given(
    model=samples.models(samples.steps | samples.smooth),
    people=st.lists(samples.people, min_size=1, max_size=3),
    at=st.sampled_from(samples.INSTANTS),
    ago=st.sampled_from([timedelta(hours=5), 2 * DAY, 20 * DAY]),
)
def test_any_model_says_of_any_instant_what_its_explanation_says(
    huerta: Any, model: Any, people: list[Person], at: datetime, ago: timedelta
) -> None:
    make_months(huerta, *samples.MONTHS)
    with Undone():
        version = publish_model(workspace_id=huerta.id, text=pasted(model), at=at)
        for lead in make_people(huerta, people, at):
            since = at - 300 * DAY
            ConsentMark.objects.create(workspace=huerta, lead_id=lead, valid_since=since, profiled_since=since)
        instants = [at - ago, at]
        for found, expected in zip(totals_of(version, instants), explained(version, instants), strict=True):
            assert found.keys() == expected.keys()
            assert all(close_when_shown(found[lead], expected[lead]) for lead in found)


def test_attributes_and_consents_are_those_of_then(huerta: Any, at: datetime) -> None:
    version = publish_model(workspace_id=huerta.id, text=MODEL, at=at)
    ana, leo, eva = make_leads(huerta, [Person({})] * 3, at)
    for lead, age, title in ((ana, 10, "director"), (ana, 5, ""), (ana, 2, "becaria"), (leo, 30, "director")):
        telling = NewEvent("identify", f"{lead}:{age}", at - age * DAY, lead_id=lead, properties={"job_title": title})
        record_events(workspace_id=huerta.id, events=[telling], received_at=None)
    project_leads(workspace_id=huerta.id, lead_ids=[ana, leo], at=at)
    for age, word in ((20, "withdrawn"), (10, "given"), (5, "withdrawn")):
        said = NewEvent("consent", f"{word}:{age}", at - age * DAY, name=word, lead_id=eva,
                        properties={"purpose": "profiling"})  # fmt: skip
        record_events(workspace_id=huerta.id, events=[said], received_at=None)
    mark = {"profiled_since": None, "objected_at": at - 5 * DAY, "valid_since": at - 30 * DAY}
    ConsentMark.objects.filter(workspace=huerta, lead_id=eva).update(**mark)
    instants = [at - days * DAY for days in (400, 31, 25, 15, 11, 10, 6, 5, 3, 2, 0)]
    found = totals_of(version, instants)
    assert found == explained(version, instants)
    assert [each.get(ana) for each in found] == [None, 0, 0, 0, 0, 15, 15, 15, 15, 0, 0]
    assert [each.get(leo) for each in found][1:3] == [0, 15]
    assert [eva in each for each in found] == [False, False, True, False, False, True, True, False, False, False, False]


def test_closed_months_come_from_the_archive_and_marked_acts_from_nowhere(
    huerta: Any, at: datetime, data_folder: None
) -> None:
    model = "{model: m, dimensions: {all: {}}, rules: [{key: r, when: {event: any}, points: 1, count: each}]}"
    version = publish_model(workspace_id=huerta.id, text=model, at=at)
    [ana] = make_leads(huerta, [Person({})], at)
    kinds = [
        ("track", "download", 40),
        ("page", "", 40),
        ("group", "", 40),
        ("staff", "called", 39),
        ("track", "send", 1),
    ]
    make_months(huerta, at - 40 * DAY, at)
    for number, (kind, name, age) in enumerate(kinds):
        event = NewEvent(kind, f"{number}", at - age * DAY, name=name, lead_id=ana)
        record_events(workspace_id=huerta.id, events=[event], received_at=event.occurred_at)
    assert totals_of(version, [at]) == explained(version, [at]) == [{ana: 3}]
    assert [month.rows for month in archive_closed(workspace_id=huerta.id, at=at)] == [4]
    assert totals_of(version, [at]) == [{ana: 3}]
    [page] = fetch_all("SELECT id FROM event WHERE kind = 'page'")
    MachineEvent.objects.create(workspace=huerta, event_id=page["id"], by="ana", marked_at=at)
    assert totals_of(version, [at]) == explained(version, [at]) == [{ana: 2}]


@settings(against_the_database, max_examples=15)
@given(
    model=samples.models(samples.steps | samples.smooth),
    people=st.lists(samples.people, min_size=1, max_size=3),
    at=st.sampled_from(samples.INSTANTS),
)
def test_a_workspace_as_files_scores_as_the_workspace_does(
    huerta: Any, data_folder: None, tmp_path_factory: Any, model: Any, people: list[Person], at: datetime
) -> None:
    folder = tmp_path_factory.mktemp("history")
    people = [
        replace(each, attributes={k: v for k, v in each.attributes.items() if isinstance(v, str)}) for each in people
    ]
    make_months(huerta, *samples.MONTHS)
    with Undone():
        version = publish_model(workspace_id=huerta.id, text=pasted(model), at=at)
        since = at - 300 * DAY
        *profiled, hidden = make_people(huerta, [*people, Person({})], at)
        for lead in profiled:
            ConsentMark.objects.create(workspace=huerta, lead_id=lead, valid_since=since, profiled_since=since)
        ConsentMark.objects.create(workspace=huerta, lead_id=hidden, valid_since=since)
        names = {name for person in people for name in person.attributes}
        shapes = dict.fromkeys(sorted(names | compiled_names(model)), "text")
        assert write_history(workspace_id=huerta.id, attributes=shapes, at=at, folder=folder)[0] == len(profiled)
        [expected] = explained(version, [at])
    files = Files(folder / "leads.parquet", folder / "events.parquet", folder / "rejects.csv")
    score_files(read_model(pasted(model)), files, at=at, out=folder / "out.csv", timezone=huerta.time_zone)
    with duckdb.connect() as connection:
        found = dict(connection.execute(f"SELECT lead_id, total FROM '{folder / 'out.csv'}'").fetchall())
    assert found.keys() == expected.keys()
    assert all(close_when_shown(found[lead], expected[lead]) for lead in found)


def compiled_names(model: Any) -> set[str]:
    return set(compile_bulk_model(ScoringModel.read(model)).attributes)


def test_numbers_lists_and_texts_come_through(huerta: Any, data_folder: None, at: datetime, tmp_path: Any) -> None:
    known = {"hectares": 120, "tags": ["feria"], "sector": "Viña", "is_new": True}
    ana, leo = make_leads(huerta, [Person(known), Person({})], at)
    shapes = {"hectares": "number", "tags": "list", "sector": "text", "is_new": "boolean"}
    assert write_history(workspace_id=huerta.id, attributes=shapes, at=at, folder=tmp_path) == (2, 0)
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT * EXCLUDE (created_at) FROM '{tmp_path / 'leads.parquet'}'").fetchall()
    assert rows == [(ana, 120.0, ["feria"], "Viña", True, ""), (leo, None, None, None, None, "")]
