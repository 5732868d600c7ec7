"""Types of attributes: what they take, what they refuse, and where the refused go."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultiva.leads import attributes as room
from cultiva.leads.attributes import MAX_DEFINITIONS, AttributeRefused, define, definitions
from cultiva.leads.models import Attribute, Lead, Misfit
from cultiva.leads.rebuild import rebuild_leads
from cultiva.leads.retyping import change_type, preview_type
from cultiva.leads.tests.people import identify, lead, take
from cultiva.leads.values import TYPES, WrongType, coerce, guess_type
from cultiva.lib.database import workspace_scope

SETTINGS: dict[str, Any] = {"time_zone": "Europe/Madrid", "country": "ES"}


@pytest.mark.parametrize(
    ("type_", "value", "kept"),
    [
        ("text", "  a\n b ", "a b"), ("text", 5, "5"), ("text", 2.5, "2.5"), ("text", True, "true"),
        ("long_text", "a\nb", "a\nb"),
        ("number", "12", 12), ("number", "12.50", 12.5), ("number", "12,5", 12.5), ("number", "1.234,5", 1234.5),
        ("number", "1,234.5", 1234.5), ("number", "1 234", 1234), ("number", 7.0, 7), ("number", "-3", -3),
        ("money", "12,50 €", 12.5), ("money", {"amount": "12.50", "currency": "EUR"}, 12.5), ("money", "EUR 9", 9),
        ("money", 3, 3),
        ("date", "2026-03-10", "2026-03-10"), ("date", "2026-03-10T23:30:00Z", "2026-03-11"),
        ("date_time", "2026-03-10T12:00:00+01:00", "2026-03-10T11:00:00Z"),
        ("date_time", "2026-03-10 12:00", "2026-03-10T11:00:00Z"), ("date_time", 1773140400, "2026-03-10T11:00:00Z"),
        ("date_time", 1773140400000, "2026-03-10T11:00:00Z"),
        ("boolean", "Sí", True), ("boolean", "no", False), ("boolean", 1, True), ("boolean", False, False),
        ("choice", "rojo", "Rojo"), ("multi_choice", ["ROJO", "azul", "rojo"], ["Rojo", "azul"]),
        ("multi_choice", "azul", ["azul"]),
        ("email", "ANA@Example.COM", "ANA@example.com"),
        ("phone", "600 000 001", "+34600000001"), ("phone", "+44 20 7946 0958", "+442079460958"),
        ("phone", 600000001, "+34600000001"),
        ("url", "Huertos.example/Riego", "https://huertos.example/Riego"), ("url", "HTTP://x.example", "http://x.example"),
        ("country", "es", "ES"), ("country", "España", "ES"), ("country", "Spain", "ES"), ("country", "méxico", "MX"),
        ("language", "ES_mx", "es-MX"), ("language", "zh-hans-cn", "zh-Hans-CN"),
        ("time_zone", "Europe/Madrid", "Europe/Madrid"),
    ],
)  # fmt: skip
def test_a_value_is_kept_as_its_type_has_it(type_: str, value: Any, kept: Any) -> None:
    choices = {"money": ["EUR"], "choice": ["Rojo", "azul"], "multi_choice": ["Rojo", "azul"]}.get(type_, [])
    found = coerce(type_, value, choices=choices, **SETTINGS)
    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("text", ["a"]), ("text", {"a": 1}), ("text", ""), ("text", None), ("text", "\x00"),
        ("number", "1,234"), ("number", True), ("number", "abc"), ("number", "1e5"), ("number", "٣"),
        ("number", 10**400),
        ("money", "5 USD"), ("money", "5 € 3"), ("money", {"amount": {}, "currency": "EUR"}), ("money", "EUR"),
        ("date", "10/03/2026"), ("date", "2026-02-30"), ("date", 20260310),
        ("date_time", "2026-03-10"), ("date_time", True), ("date_time", 1e300), ("date_time", "0001-01-01T00:00+14:00"),
        ("boolean", "perhaps"), ("boolean", 2), ("choice", "verde"), ("choice", ["rojo"]), ("multi_choice", ["verde"]),
        ("email", "ana"), ("email", 5), ("phone", "12"), ("phone", "abc"), ("phone", [1]), ("phone", "600000001;ext=5"),
        ("url", "javascript:alert(1)"), ("url", "mailto:a@b.example"), ("url", "a b.example"), ("url", "http://[x"),
        ("url", "localhost"), ("country", "Atlantis"), ("country", "XX"), ("country", 7), ("language", "spanish"),
        ("language", "*"), ("time_zone", "Madrid"), ("nothing", "x"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_with_a_sentence(type_: str, value: Any) -> None:
    choices = {"money": ["EUR"], "choice": ["rojo"], "multi_choice": ["rojo"]}.get(type_, [])
    with pytest.raises(WrongType, match=r"\.$"):
        coerce(type_, value, choices=choices, **SETTINGS)


words = st.sampled_from(
    ["12", "1.5", "1.234,50 €", "2026-03-10", "2026-03-10T10:00:00+02:00", "si", "ES", "españa", "es_MX", "600000001",
     "+34 600 000 001", "ana@ex.example", "x.example/a?b=ñ#c", "HTTPS://U:P@X.example:80/", "Europe/Madrid", " a  b ",
     "9999-12-31T23:59:59-14:00", "1" * 50, "http://x.example:99999/", "//x.example", "ß.example", "٣"]
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["amount", "currency", "a"]), inner),
    max_leaves=4,
)


@given(type_=st.sampled_from(sorted(TYPES)), value=json_values, choices=st.sampled_from([[], ["EUR"], ["a", "SI"]]))
def test_coercing_answers_for_every_value_and_again_changes_nothing(type_: str, value: Any, choices: list[str]) -> None:
    try:
        kept = coerce(type_, value, choices=choices, **SETTINGS)
    except WrongType:
        return
    assert coerce(type_, kept, choices=choices, **SETTINGS) == kept


@given(
    key=st.sampled_from(["phone", "country", "website", "x", "created_at"]), values=st.lists(json_values, max_size=3)
)
def test_a_guess_is_a_type(key: str, values: list[Any]) -> None:
    assert guess_type(key, values) in TYPES


@pytest.mark.parametrize(
    ("key", "values", "type_"),
    [
        ("hectares", [3, 2.5], "number"), ("postal_code", ["08001"], "text"), ("is_customer", [True], "boolean"),
        ("signed_on", ["2026-01-02"], "date"), ("created_at", ["2026-01-02T10:00:00Z"], "date_time"),
        ("crops", [["tomate", "vid"]], "multi_choice"), ("phone", ["+34600000001", "?"], "phone"),
        ("phone", ["por la tarde"], "text"),
        ("website", ["javascript:alert(1)"], "text"), ("website", ["x.example"], "url"),
        ("billing_country", ["ES"], "country"),
        ("budget", [{"amount": 5, "currency": "EUR"}], "money"), ("notes", ["a\nb"], "long_text"),
        ("mixed", [1, "a"], "text"),
        ("employees", ["50-249"], "text"), ("workEmail", ["a@x.example"], "email"),
        ("timezone", ["Europe/Madrid"], "time_zone"),
    ],
)  # fmt: skip
def test_the_type_is_guessed_from_name_and_values(key: str, values: list[Any], type_: str) -> None:
    assert guess_type(key, values) == type_


def test_a_value_that_does_not_fit_is_kept_aside_and_comes_back(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@example.com", attributes={"hectares": 12})
    take(huerta, at)
    assert Attribute.objects.get(key="hectares").type == "number"
    lead(huerta, at + timedelta(hours=1), "ana@example.com", attributes={"hectares": "about twenty"})
    take(huerta, at)
    assert Lead.objects.get(id=ana.id).attributes["hectares"] == 12
    misfit = Misfit.objects.get(workspace_id=huerta.id)
    assert (misfit.value, misfit.reason) == ("about twenty", "“about twenty” is not a number.")
    found = preview_type(workspace_id=huerta.id, subject="lead", key="hectares", type="text")
    assert (found.fitting, found.misfits) == (2, 0)
    change_type(workspace_id=huerta.id, subject="lead", key="hectares", type="text", at=at)
    assert Lead.objects.get(id=ana.id).attributes["hectares"] == "about twenty"
    assert not Misfit.objects.filter(workspace_id=huerta.id).exists()


def test_a_good_value_ends_a_misfit(huerta: Any, at: datetime) -> None:
    define(workspace_id=huerta.id, subject="lead", key="size", type="number", at=at)
    for hours, value in enumerate(("many", 12)):
        lead(huerta, at + timedelta(hours=hours), "ana@example.com", attributes={"size": value})
        take(huerta, at)
    assert Lead.objects.get(workspace_id=huerta.id).attributes["size"] == 12
    assert not Misfit.objects.filter(workspace_id=huerta.id).exists()


def test_telephones_are_of_the_country_that_was_told(huerta: Any, at: datetime) -> None:
    take(huerta, at, *(
        identify(huerta, at, user=user, email=f"{user}@example.com", is_secret=True, makes_leads=True, traits=traits)
        for user, traits in (
            ("a", {"phone": "600 000 001"}), ("b", {"phone": "020 7946 0958", "country": "GB"}),
        )
    ))  # fmt: skip
    found = dict(Lead.objects.filter(workspace_id=huerta.id).values_list("external_id", "phone_key"))
    assert found == {"a": "+34600000001", "b": "+442079460958"}


def test_late_news_do_not_win_and_blank_never_does(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at - timedelta(days=9), "ana@example.com")
    hour = timedelta(hours=1)
    for when, city in ((at, "Jerez"), (at - hour, "Soria"), (at + timedelta(seconds=30), "")):
        take(huerta, at, identify(huerta, when, browser="b", email="ana@example.com", traits={"city": city}))
    assert Lead.objects.get(id=ana.id).attributes["city"] == "Jerez"


def test_objects_are_taken_apart_and_names_of_segment_are_ours(huerta: Any, at: datetime) -> None:
    lead(huerta, at, "ana@example.com")
    traits = {"firstName": "Ana", "address": {"city": "Jerez"}, "company": {"name": "Sol", "plan": "pro"}, "id": "7"}
    take(huerta, at, identify(huerta, at, browser="b", email="ana@example.com", traits=traits))
    assert Lead.objects.get(workspace_id=huerta.id).attributes == {
        "email": "ana@example.com", "first_name": "Ana", "address_city": "Jerez", "company": "Sol",
        "company_plan": "pro",
    }  # fmt: skip


def test_beyond_the_limit_values_are_kept_aside(huerta: Any, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_DEFINITIONS == 500
    monkeypatch.setattr(room, "MAX_DEFINITIONS", 2)
    ana = lead(huerta, at, "ana@example.com", attributes={"a": "1", "b": "2", "c": "3"})
    take(huerta, at)
    assert sorted(definitions(huerta.id, "lead")) == ["a", "b"]
    assert Misfit.objects.get(subject_id=ana.id).key == "c"
    assert "c" not in Lead.objects.get(id=ana.id).attributes
    with pytest.raises(AttributeRefused, match="already"):
        define(workspace_id=huerta.id, subject="lead", key="d", type="text", at=at)


def test_what_is_defined_wrongly_is_refused(huerta: Any, at: datetime) -> None:
    for wrong in ({"type": "colour"}, {"key": ""}, {"key": "x" * 81}, {"type": "money", "choices": ["EUR", "USD"]}):
        asked: dict[str, Any] = {"key": "k", "type": "text", **wrong}
        with pytest.raises(AttributeRefused, match="hint"):
            define(workspace_id=huerta.id, subject="lead", at=at, **asked)


def test_another_workspace_has_its_own_attributes(huerta: Any, other_co: Any, at: datetime) -> None:
    define(workspace_id=huerta.id, subject="lead", key="size", type="number", at=at)
    with workspace_scope(other_co.id):
        assert definitions(other_co.id, "lead") == {}
        assert definitions(huerta.id, "lead") == {}


def test_a_rebuild_leaves_nothing_that_was_not_told(huerta: Any, at: datetime) -> None:
    ana = lead(huerta, at, "ana@example.com", attributes={"city": "Jerez"})
    take(huerta, at)
    Lead.objects.filter(id=ana.id).update(attributes={"invented": 1}, search_text="x")
    assert rebuild_leads(workspace_id=huerta.id, at=at) == 1
    assert Lead.objects.get(id=ana.id).attributes == {"city": "Jerez", "email": "ana@example.com"}
