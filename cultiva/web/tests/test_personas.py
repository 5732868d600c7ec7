"""Screens of personas: made with several criteria, looked at, ordered, deleted; groups looked for and accepted."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cultiva.accounts.models import Role
from cultiva.consent.models import ConsentMark
from cultiva.criteria.references import save_references
from cultiva.leads.models import Lead
from cultiva.leads.tests import people
from cultiva.segments.persona_models import Discovery, LeadPersona, Persona
from cultiva.segments.personas.actions import move_persona, save_persona
from cultiva.web.tests.test_screens import signed_in

SPANISH = {"attribute": "country", "is": "ES"}
FORM = {
    "name": "Quien decide", "description": "Dirige", "tone_es": "De usted", "content_en": "Cases",
    "criteria-0-when": "{attribute: country, is: ES}", "criteria-0-weight": "3",
    "criteria-1-when": "{event: page, within_days: 30}", "criteria-1-weight": "1.5",
    "criteria-2-when": "", "criteria-2-weight": "1",
}  # fmt: skip


@pytest.fixture
def ana(huerta: Any, at: datetime) -> Lead:
    people.known_attributes(huerta, at, country="text", first_name="text")
    made = people.lead(huerta, at, "ana@a.example", attributes={"country": "ES", "first_name": "Ana"})
    ConsentMark.objects.create(workspace=huerta, lead=made, valid_since=at, profiled_since=at)
    return made


def save(workspace: Any, at: datetime, name: str, **more: Any) -> Persona:
    criteria = [{"when": SPANISH, "weight": 1}]
    return save_persona(workspace_id=workspace.id, name=name, criteria=criteria, by="user:1", at=at, **more)


def test_an_empty_list_leads_to_the_search_for_groups(huerta: Any, at: datetime) -> None:
    page = signed_in(huerta, Role.OWNER, at).get("/personas").content.decode()
    assert 'class="empty"' in page
    assert "/personas/groups" in page


def test_a_persona_is_made_of_criteria_with_weights_and_its_page_shows_its_leads(
    huerta: Any, at: datetime, ana: Lead
) -> None:
    client = signed_in(huerta, Role.MARKETING, at)
    page = client.post("/personas/new", FORM, follow=True).content.decode()
    persona = Persona.objects.get(workspace=huerta)
    assert [each["weight"] for each in persona.criteria] == [3, 1.5]
    assert (persona.key, persona.tone_hints, persona.content_hints) == (
        "quien-decide", {"es": "De usted"}, {"en": "Cases"},
    )  # fmt: skip
    assert LeadPersona.objects.get(lead=ana).persona == "quien-decide"
    assert "Ana" in page
    assert "chart-funnel" in page
    assert "67%" in page
    assert "Quien decide" in client.get("/personas").content.decode()


def test_one_more_criterion_keeps_what_was_written(huerta: Any, at: datetime, ana: Lead) -> None:
    client = signed_in(huerta, Role.MARKETING, at)
    page = client.post("/personas/new", FORM | {"more": "1"}).content.decode()
    assert 'name="criteria-3-when"' in page
    assert "{attribute: country, is: ES}" in page
    assert 'value="Quien decide"' in page
    assert not Persona.objects.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"criteria-0-when": "{attribute: countri, is: ES}"}, "country"),
        ({"criteria-0-weight": "0"}, "is-invalid"),
        ({"criteria-0-when": "", "criteria-1-when": ""}, "criterion"),
        ({"name": ""}, "is-invalid"),
    ],
)
def test_what_cannot_be_saved_is_told_and_kept_on_the_screen(
    huerta: Any, at: datetime, ana: Lead, change: dict[str, str], said: str
) -> None:
    answer = signed_in(huerta, Role.MARKETING, at).post("/personas/new", FORM | change)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert "De usted" in answer.content.decode()
    assert not Persona.objects.exists()


def test_editing_changes_the_one_persona_and_an_emptied_criterion_goes(huerta: Any, at: datetime, ana: Lead) -> None:
    client = signed_in(huerta, Role.OWNER, at)
    client.post("/personas/new", FORM)
    form = client.get("/personas/of/quien-decide/edit").content.decode()
    assert 'name="criteria-2-when"' in form
    client.post("/personas/of/quien-decide/edit", FORM | {"criteria-1-when": "", "name": "Decide"})
    persona = Persona.objects.get(workspace=huerta)
    assert (persona.name, persona.key, persona.revision, len(persona.criteria)) == ("Decide", "quien-decide", 2, 1)


def test_personas_are_ordered_and_deleted_unless_used(huerta: Any, at: datetime, ana: Lead) -> None:
    save(huerta, at, "One")
    save(huerta, at, "Two")
    client = signed_in(huerta, Role.OWNER, at)
    client.post("/personas/of/two/move", {"to": "up"})
    assert list(Persona.objects.order_by("position").values_list("key", flat=True)) == ["two", "one"]
    save_references(workspace_id=huerta.id, kind="segment", key="near", refers=[("persona", "one")])
    assert "near" in client.post("/personas/of/one/delete", follow=True).content.decode()
    client.post("/personas/of/two/delete")
    assert list(Persona.objects.values_list("key", flat=True)) == ["one"]


def test_a_profile_shows_the_main_persona_and_which_criteria_hold(huerta: Any, at: datetime, ana: Lead) -> None:
    save_persona(
        workspace_id=huerta.id, name="Near", by="user:1", at=at,
        criteria=[{"when": SPANISH, "weight": 2}, {"when": {"event": "page"}, "weight": 1}],
    )  # fmt: skip
    save_persona(
        workspace_id=huerta.id, name="Second", by="user:1", at=at,
        criteria=[{"when": SPANISH, "weight": 1}, {"when": {"event": "page"}, "weight": 1}],
    )  # fmt: skip
    page = signed_in(huerta, Role.SALES, at).get(f"/leads/{ana.id}").content.decode()
    assert "/personas/of/near" in page
    assert "67%" in page
    assert "Second" in page
    card = page[page.index("/personas/of/near") :]
    assert card.index("#circle-check") < card.index("#circle-dashed")


def test_a_profile_tells_which_persona_a_lead_was_and_a_persona_whose_it_was_on_a_day(
    huerta: Any, at: datetime, ana: Lead
) -> None:
    day = timedelta(days=1)
    save(huerta, at - 9 * day, "One")
    save(huerta, at - 9 * day, "Two")
    move_persona(workspace_id=huerta.id, key="two", by_places=-1, by="user:1", at=at - 5 * day)
    client = signed_in(huerta, Role.OWNER, at)
    profile = client.get(f"/leads/{ana.id}").content.decode()
    history = profile[profile.index("Personas so far") :]
    assert history.index(">Two<") < history.index(">One<")
    assert "because the personas changed" in history

    def on(persona: str, when: datetime) -> str:
        return str(client.get(f"/personas/of/{persona}?on={when:%Y-%m-%d}").content.decode())

    assert "it was the persona of 0 leads" in on("one", at - 10 * day)
    for persona, when in (("one", at - 9 * day), ("one", at - 6 * day), ("two", at - 5 * day), ("two", at)):
        page = on(persona, when)
        assert "it was the persona of 1 lead." in page, (persona, when)
        assert f'href="/leads/{ana.id}"' in page[page.index("On a day") :]
    assert "it was the persona of 0 leads" in on("one", at)
    assert "it was the persona of 0 leads" in on("two", at - 6 * day)
    for day_asked in ("yesterday", "0001-01-01", "9999-12-31"):
        assert client.get(f"/personas/of/one?on={day_asked}").status_code == 200


def test_the_builder_offers_personas_by_name(huerta: Any, at: datetime, ana: Lead) -> None:
    save(huerta, at, "Quien decide")
    save(huerta, at, "Aún no", is_draft=True)
    vocabulary = signed_in(huerta, Role.MARKETING, at).get("/criteria/vocabulary").json()
    kind = next(each for each in vocabulary["kinds"] if each["key"] == "persona")
    assert kind["fields"][0]["choices"] == [{"value": "quien-decide", "label": "Quien decide"}]


def test_groups_are_asked_for_shown_and_accepted(huerta: Any, at: datetime, ana: Lead) -> None:
    client = signed_in(huerta, Role.MARKETING, at)
    client.post("/personas/groups/look")
    asked = Discovery.objects.get()
    assert 'hx-trigger="load delay:1s"' in client.get("/personas/groups").content.decode()
    trait = {"words": {"es": "el país es ES", "en": "the country is ES"}, "inside": 0.9, "others": 0.1, "lift": 9.0,
             "difference": 1.8}  # fmt: skip
    group = {"name": {"es": "España", "en": "Spain"}, "size": 80, "stability": 0.93, "traits": [trait],
             "criteria": [{"when": SPANISH, "weight": 5}], "found": 82, "precision": 0.95, "recall": 0.97,
             "accepted": None}  # fmt: skip
    Discovery.objects.update(
        state="done", leads=100, leads_known=100, done_at=at,
        result={"groups": [group], "why_none": "", "unstable": 1, "features": [[False, "country"]],
                "points": [[0.1, 0.9, 0], [0.5, 0.5, -1]]},
    )  # fmt: skip
    page = client.get("/personas/groups").content.decode()
    for shown in ("Spain", "80 leads, 80%", "0.93", "95%", "97%", "chart-scatter", "group-0"):
        assert shown in page
    client.post(f"/personas/groups/{asked.id}/0", {"name": "Los de aquí"})
    made = Persona.objects.get()
    assert (made.name, made.is_draft, made.criteria) == ("Los de aquí", True, [{"when": SPANISH, "weight": 5}])
    assert "/personas/of/los-de-aqui" in client.get("/personas/groups").content.decode()


@pytest.mark.parametrize("why", ["one", "trend", "few", "unstable"])
def test_no_groups_is_an_answer_with_its_reason(huerta: Any, at: datetime, why: str) -> None:
    Discovery.objects.create(
        workspace=huerta, state="done", seed=7, by="user:1", asked_at=at, done_at=at, leads=90,
        result={"groups": [], "why_none": why, "unstable": 0, "features": [], "points": []},
    )  # fmt: skip
    page = signed_in(huerta, Role.OWNER, at).get("/personas/groups").content.decode()
    assert "/personas/new" in page


def test_others_see_nothing_and_lookers_change_nothing(huerta: Any, other_co: Any, at: datetime, ana: Lead) -> None:
    save(huerta, at, "One")
    analyst = signed_in(huerta, Role.ANALYST, at)
    assert analyst.post("/personas/of/one/delete").status_code == 403
    assert analyst.get("/personas/of/one").status_code == 200
    stranger = signed_in(other_co, Role.OWNER, at)
    assert stranger.get("/personas/of/one").status_code == 404
    assert stranger.post("/personas/of/one/delete").status_code == 404
    assert Persona.objects.count() == 1
