"""Building criteria and filtering the list by them: what the server answers, to whom, and about whom."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from hypothesis import given

from cultiva.accounts.models import Role
from cultiva.criteria.tests.cast import Act, Person, make_people
from cultiva.criteria.tests.samples import documents
from cultiva.events.actions import NewEvent, record_events
from cultiva.leads import audience
from cultiva.leads.attributes import learn_definitions
from cultiva.leads.lists import LeadFilter, list_leads
from cultiva.leads.models import LeadState
from cultiva.lib import clock
from cultiva.lib.database import fetch_all
from cultiva.lib.documents import read_document
from cultiva.web.builder_words import texts
from cultiva.web.criteria_text import CriteriaField, write_criteria
from cultiva.web.tests.test_screens import signed_in

DOCUMENT = {
    "all": [
        {"attribute": "country", "is": "ES"},
        {
            "any": [
                {"attribute": "job_title", "contains_any": ["director", "gerente"]},
                {"attribute": "employees", "between": [50, 1000]},
            ]
        },
        {
            "event": "page",
            "where": [{"property": "path", "starts_with": "/precios"}],
            "times": {"at_least": 3},
            "within_days": 30,
        },
        {"not": {"event": "purchase"}},
    ]
}


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    monkeypatch.setattr(clock, "now", lambda: at)


@pytest.fixture(autouse=True)
def attributes(huerta: Any, at: datetime) -> None:
    """What the workspace knows of leads."""
    seen: dict[str, list[Any]] = {
        "country": ["ES"],
        "job_title": ["Directora"],
        "employees": [80],
        "first_name": ["Ana"],
    }
    learn_definitions(workspace_id=huerta.id, subject="lead", seen=seen, at=at, country="")


@pytest.fixture
def people(huerta: Any, at: datetime) -> list[int]:
    """Ana meets the criteria; Berta bought; Carla is elsewhere."""
    visits = [Act("page", timedelta(days=n), kind="page", properties={"path": "/precios/es"}) for n in range(3)]
    ids = make_people(
        huerta,
        [
            Person({"country": "ES", "job_title": "Directora", "first_name": "Ana"}, visits),
            Person({"country": "ES", "employees": 80, "first_name": "Berta"}, [*visits, Act("purchase")]),
            Person({"country": "FR", "job_title": "Directora", "first_name": "Carla"}, visits),
        ],
        at,
    )
    LeadState.objects.bulk_create(LeadState(workspace=huerta, lead_id=each, stage_since=at) for each in ids)
    return ids


def ask(client: Client, criteria: Any, count: str = "exact") -> Any:
    text = criteria if isinstance(criteria, str) else json.dumps(criteria)
    answer = client.post("/criteria/preview", {"criteria": text, "count": count}, content_type="application/json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_preview_says_it_in_words_counts_it_and_names_some(huerta: Any, people: list[int], at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    for count in ("estimate", "exact"):  # of few leads the estimate is exact
        found = ask(client, DOCUMENT, count)
        assert (found["count"], found["is_exact"], found["problems"]) == (1, True, [])
        assert found["document"] == DOCUMENT
        assert "is ES" in found["words"]
        assert [each["url"] for each in found["sample"]] == [f"/leads/{people[0]}"]
        assert found["sample"][0]["name"] == "Ana"
    assert "count" not in ask(client, DOCUMENT, "")
    assert ask(client, {"all": []})["count"] == 3
    assert ask(client, {"any": []})["count"] == 0


def test_every_problem_is_told_with_its_place_and_line(huerta: Any, at: datetime) -> None:
    text = """
all:
  - {attribute: country, starts_wiht: E}
  - any:
      - {attribute: employees, between: [9, 1]}
  - {evnt: page}
"""
    client = signed_in(huerta, Role.OWNER, at)
    found = ask(client, text)
    assert [(each["place"], each["line"]) for each in found["problems"]] == [
        ("criteria.all[0]", 3),
        ("criteria.all[1].any[0].between", 5),
        ("criteria.all[2]", 6),
    ]
    assert found["problems"][0]["hint"] == "did you mean `starts_with`?"
    assert "count" not in found
    broken = ask(client, "all:\n  - {attribute: country\n")
    assert broken["document"] is None
    assert broken["problems"][0]["line"] == 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400), ("[]", 400), ("{}", 400), ('"x"', 400), ("[" * 5000, 400),
        ('{"criteria": "' + "x" * 300_000 + '"}', 413),
    ],
    ids=["broken", "list", "empty", "text", "deep", "long"],
)  # fmt: skip
def test_a_question_that_is_none_is_refused(huerta: Any, at: datetime, body: str, status: int) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    answer = client.post("/criteria/preview", body, content_type="application/json")
    assert answer.status_code == status
    assert answer.json()["problems"][0]["message"]


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "x", "- a", "all", "{all: x}", "{not: []}", "{not: {not: {}}}", "\0", "{}",
        "{event: page, since: entry}", "{1: 2}", "? [a]\n: b", "all: [" + "{not: " * 40 + "{}" + "}" * 40 + "]",
        "&a {all: [*a]}", "{attribute: a, is: .nan}",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_problem_and_no_failure(huerta: Any, at: datetime, text: str) -> None:
    found = ask(signed_in(huerta, Role.OWNER, at), text)
    assert found["problems"]
    assert "count" not in found


def test_a_name_that_the_workspace_does_not_know_cannot_be_kept(huerta: Any, people: list[int], at: datetime) -> None:
    field = CriteriaField()
    field.workspace = huerta
    assert field.clean("{attribute: country, is: ES}") == {"attribute": "country", "is": "ES"}
    with pytest.raises(ValidationError, match=r"line 3, all\[1\].attribute: .*`contry`.*did you mean `country`"):
        field.clean("all:\n  - {attribute: country, is: ES}\n  - {attribute: contry, is: ES}")


def test_another_workspace_is_not_counted(huerta: Any, people: list[int], other_co: Any, at: datetime) -> None:
    client = signed_in(other_co, Role.OWNER, at)
    assert ask(client, {"all": []}) | {"words": ""} == {
        "document": {"all": []}, "problems": [], "words": "", "count": 0, "is_exact": True, "sample": [],
    }  # fmt: skip
    assert client.get("/criteria/vocabulary?attribute=country").json() == {"values": []}
    assert [each["key"] for each in client.get("/criteria/vocabulary").json()["attributes"]] == ["email"]


def test_strangers_and_other_sites_are_refused(huerta: Any, at: datetime) -> None:
    assert Client().get("/criteria/vocabulary").status_code == 302
    assert Client().post("/criteria/preview", "{}", content_type="application/json").status_code == 302
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = signed_in(huerta, Role.OWNER, at).cookies
    body = {"criteria": "all: []"}
    assert strict.post("/criteria/preview", body, content_type="application/json").status_code == 403


def test_who_sees_no_personal_data_gets_no_values_and_no_names(huerta: Any, people: list[int], at: datetime) -> None:
    analyst = signed_in(huerta, Role.ANALYST, at)
    assert ask(analyst, DOCUMENT)["sample"][0]["name"] == "A…"
    assert analyst.get("/criteria/vocabulary?attribute=job_title").json() == {"values": []}
    owner = signed_in(huerta, Role.OWNER, at)
    visit = NewEvent(
        kind="page", name="page", message_id="p", occurred_at=at, properties={"path": "/", "utm": {"source": "x"}}
    )
    record_events(workspace_id=huerta.id, events=[visit], received_at=at)
    assert analyst.get("/criteria/vocabulary?event=page&property=path").json() == {"values": []}
    values = owner.get("/criteria/vocabulary?event=page&property=path").json()["values"]
    assert values == [{"value": "/precios/es", "n": 9}, {"value": "/", "n": 1}]
    assert owner.get("/criteria/vocabulary?event=page").json()["properties"] == [
        {"key": "utm.source", "types": ["string"]}
    ]
    assert owner.get("/criteria/vocabulary?attribute=job_title").json() == {"values": [{"value": "Directora", "n": 2}]}


def test_the_vocabulary_names_every_kind_of_condition(huerta: Any, people: list[int], at: datetime) -> None:
    from cultiva.criteria.comparisons import OPERATORS
    from cultiva.lib.plugins import plugins

    found = signed_in(huerta, Role.OWNER, at).get("/criteria/vocabulary").json()
    assert {each["key"] for each in found["kinds"]} == set(plugins("conditions"))
    assert all(each["fields"] for each in found["kinds"] if each["key"] not in ("attribute", "event"))
    assert set(found["operators"]) == set(OPERATORS)
    assert set().union(*found["by_type"].values()) == set(OPERATORS)


def test_a_kind_that_nobody_foresaw_is_made_of_text_fields() -> None:
    from cultiva.web.vocabulary import _fields

    class Weather:
        kind, label = "weather", "weather where they are"
        keys = frozenset({"weather", "celsius"})
        later = ()

    assert _fields("weather", Weather, 1) == [
        {"key": "weather", "label": "Weather where they are", "type": "text"},
        {"key": "celsius", "label": "Celsius", "type": "text", "is_optional": True},
    ]

    class Named(Weather):
        @staticmethod
        def known(workspace_id: int) -> list[str]:
            return ["sun", "rain"]

    first = _fields("weather", Named, 1)[0]
    assert [each["value"] for each in first["choices"]] == ["rain", "sun"]

    class Own(Weather):
        @staticmethod
        def fields(workspace_id: int) -> list[dict[str, Any]]:
            return [{"key": "weather", "label": "Sky", "type": "text"}]

    assert _fields("weather", Own, 1) == [{"key": "weather", "label": "Sky", "type": "text"}]


# The list of leads


def filtered(client: Client, criteria: str, query: str = "") -> Any:
    return client.post("/leads/criteria", {"criteria": criteria, "query": query})


def test_the_list_shows_whom_criteria_mean_and_keeps_them_in_its_address(
    huerta: Any, people: list[int], at: datetime
) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    answer = filtered(client, json.dumps(DOCUMENT), "sort=seen&after=x&search=ana")
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert json.loads(query["criteria"][0]) == DOCUMENT
    assert query["sort"] == ["seen"]
    assert "after" not in query
    page = client.get("/leads", {"criteria": query["criteria"][0]}).content.decode()
    assert f"/leads/{people[0]}" in page
    assert f"/leads/{people[1]}" not in page
    assert "1 lead" in page
    assert "the country is ES" in page


def test_addresses_of_people_stay_out_of_the_address_of_the_page(huerta: Any, people: list[int], at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    document = {"attribute": "email", "any_of": [f"p{n}@x.example" for n in range(500)]}
    address = filtered(client, json.dumps(document))["Location"]
    assert len(address) < 60
    assert "No lead is like that" in client.get(address).content.decode()
    elsewhere = signed_in(huerta, Role.MARKETING, at).get(address, follow=True).content.decode()
    assert "kept no more" in elsewhere


def test_criteria_that_cannot_be_read_show_nobody_and_say_why(huerta: Any, people: list[int], at: datetime) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    answer = filtered(client, "{attribute: country, iz: ES}")
    assert answer.status_code == 422
    for page in (answer, client.get("/leads", {"criteria": "{attribute: country, iz: ES}"})):
        text = page.content.decode()
        assert "unknown key" in text
        assert "{attribute: country, iz: ES}" in text  # nothing that was written is lost
        assert f"/leads/{people[0]}" not in text


def test_a_filter_that_takes_too_long_says_so(
    huerta: Any, people: list[int], at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cultiva.web.views import leads

    monkeypatch.setattr(leads, "predicate_of", lambda *_a, **_k: audience.Predicate("pg_sleep(9) IS NOT NULL"))
    monkeypatch.setattr(leads, "LIST_SECONDS", 0.05)
    client = signed_in(huerta, Role.OWNER, at)
    assert "takes too long" in client.get("/leads", {"criteria": "all: []"}).content.decode()
    assert client.get("/leads").status_code == 200


def test_one_person_counts_once_at_a_time_and_not_for_ever(
    huerta: Any, people: list[int], at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cultiva.web.views import criteria

    monkeypatch.setattr(criteria, "count_leads", lambda **_: fetch_all("SELECT pg_sleep(9)"))
    monkeypatch.setattr(criteria, "COUNT_SECONDS", 0.05)
    client = signed_in(huerta, Role.OWNER, at)
    assert ask(client, DOCUMENT)["is_too_slow"]
    monkeypatch.setattr(criteria, "_may_count", lambda _staff: False)
    assert ask(client, DOCUMENT)["is_busy"]


def test_beyond_what_is_counted_the_list_estimates_from_a_sample(
    huerta: Any, people: list[int], at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cultiva.leads import lists

    monkeypatch.setattr(lists, "EXACT_UP_TO", 1)
    monkeypatch.setattr(lists, "sampled_percent", lambda: 100.0)
    everybody = LeadFilter(predicate=audience.Predicate("true"))
    page = list_leads(workspace_id=huerta.id, wanted=everybody, limit=2)
    assert (page.count, page.is_exact, len(page.rows)) == (3, False, 2)
    following = list_leads(workspace_id=huerta.id, wanted=everybody, limit=2, after=page.next_key)
    assert sorted(row["id"] for row in [*page.rows, *following.rows]) == sorted(people)
    monkeypatch.setattr(audience, "sampled_percent", lambda: 99.9999)
    found = audience.estimate_audience(workspace_id=huerta.id, predicate=audience.Predicate("true"))
    assert (found.count, found.is_exact) == (3, False)


@given(documents)
def test_a_saved_document_comes_back_from_the_text_area(document: Any) -> None:
    assert read_document(write_criteria(document)) == document


def test_the_browser_says_no_word_that_the_server_does_not_know() -> None:
    source = (Path(__file__).parents[3] / "frontend" / "criteria.js").read_text()
    known = set(texts())
    named = set(re.findall(r"this\.t\.(\w+)", source)) | set(re.findall(r"this\.say\('(\w+)'", source))
    assert named <= known
    computed = {"view_build", "view_words", "view_yaml", "measure_distinct", "measure_sum", "measure_max"}
    computed |= {"attribute_name", "event_name"}
    assert not {key for key in known - named - computed if not re.search(rf"\b{key}\b", source)}
