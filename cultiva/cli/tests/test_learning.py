"""Learning: what is planted is found, nothing later reaches it, and what cannot be learned is refused in words."""

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import numpy as np
import pytest
from click.testing import CliRunner
from django.conf import settings

from cultiva.cli import scores
from cultiva.cli.scores import score
from cultiva.criteria.personas import read_personas
from cultiva.criteria.tests.cast import Act, Person
from cultiva.demo.hidden_process import Life
from cultiva.demo.history import imagine
from cultiva.events.actions import NewEvent, record_events
from cultiva.leads.attributes import define
from cultiva.leads.models import Lead
from cultiva.leads.projecting import project_leads
from cultiva.lib import clock
from cultiva.scoring.actions import publish_model
from cultiva.scoring.learning.candidates import make_candidates
from cultiva.scoring.learning.vocabulary import AttributeSeen, Vocabulary
from cultiva.scoring.lint import OVERLAP, faults_of
from cultiva.scoring.offline import read_model
from cultiva.scoring.rehearsal.metrics import Ranked
from cultiva.scoring.tests.test_scoring import make_leads

FIRST, VALIDATED = datetime(2025, 9, 1, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC)
PERIOD = ["--from", "2025-09-01", "--to", "2026-02-16", "--horizon-days", "30", "--goal", "purchase"]
WEEK = timedelta(days=7)
COLUMNS = ("lead_id", "created_at", "role", "staff", "gender", "notes", "customer_number")
Rows = list[tuple[object, ...]]


def history(leads: int = 700, seed: int = 3) -> tuple[Rows, Rows]:
    """Directors buy, and who looks at prices buys soon; what else is there is noise, or known too late."""
    random = Random(seed)
    people: Rows = []
    events: Rows = []
    for number in range(leads):
        role = random.choice(["director", "buyer", "student"])
        bought = False
        for week in range(28):
            at = FIRST + WEEK * week + timedelta(hours=random.uniform(0, 160))
            looks = random.random() < 0.12
            if looks:
                events.append((number, "pricing", at.isoformat()))
            if random.random() < 0.3:
                events.append((number, "blog", at.isoformat()))
            chance = 0.003 + 0.12 * looks + {"director": 0.02, "buyer": 0.006, "student": 0}[role]
            if not bought and random.random() < chance:
                bought = True
                events.append((number, "purchase", (at + timedelta(days=4)).isoformat()))
        notes = f"met at stand {random.random()}"
        people.append((
            number, "2025-08-01", role, random.randrange(1, 400), random.choice("mf"), notes,
            1000 + number if bought else "",
        ))  # fmt: skip
    return people, events


def write(folder: Path, people: Rows, events: Rows, columns: Sequence[str] = COLUMNS) -> None:
    heads = {"l.csv": columns, "e.csv": ("lead_id", "name", "occurred_at", "path")[: len(events[0]) if events else 3]}
    for name, rows in (("l.csv", people), ("e.csv", events)):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([heads[name], *rows])


def learn(folder: Path, *more: str) -> Any:
    files = ["--leads", str(folder / "l.csv"), "--events", str(folder / "e.csv"), "--out", str(folder / "m.yaml")]
    told = ["--report", str(folder / "r.json"), "--card", str(folder / "c.md"), "--reasons", str(folder / "w.jsonl")]
    return CliRunner().invoke(score, ["learn", *files, *told, *PERIOD, *more])


def learned(folder: Path, *more: str) -> dict[str, Any]:
    result = learn(folder, *more)
    assert result.exception is None, result.exception
    found: dict[str, Any] = json.loads((folder / "r.json").read_text())
    return found


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    write(folder, *history())
    learned(folder, "--monotone")
    return folder


def report_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "r.json").read_text())
    return found


def test_what_was_planted_is_found_and_noise_gets_little(planted: Path) -> None:
    model = read_model((planted / "m.yaml").read_text())
    assert all(rule.points == int(rule.points) != 0 for rule in model.rules)
    points = {rule["words"]: rule["points"] for rule in report_in(planted)["rules"]}
    best = max(points, key=lambda words: points[words])
    assert "pricing" in best or "director" in best
    assert any("pricing" in words for words in points)
    assert any("director" in words or "student" in words for words in points)
    assert model.temperature
    assert 0 < model.temperature.warm < model.temperature.hot


def test_nobody_is_scored_by_gender_free_text_the_conversion_or_what_is_known_after_it(planted: Path) -> None:
    report = report_in(planted)
    kinds = {each["name"]: each["kind"] for each in report["excluded"]}
    assert kinds == {
        "gender": "protected", "notes": "free_text", "customer_number": "known_after", "purchase": "goal",
        "created_at": "ours",
    }  # fmt: skip
    assert not [name for name in ("gender", "customer_number", "purchase") if name in report["text"].split("rules:")[1]]


def test_acts_only_add_points_and_silence_only_takes_some_where_that_is_asked_for(planted: Path) -> None:
    for rule in read_model((planted / "m.yaml").read_text()).rules:
        if rule.event:
            is_silence = rule.event.times is not None and rule.event.times.is_never
            assert rule.points < 0 if is_silence else rule.points > 0


def test_the_area_that_is_told_is_that_of_the_document_rehearsed_on_the_dates_that_validate(planted: Path) -> None:
    report = report_in(planted)
    part, out = report["validation"], planted / "rehearsed.json"
    files = ["--leads", str(planted / "l.csv"), "--events", str(planted / "e.csv"), "--out", str(out)]
    period = ["--from", part["first"][:10], "--to", part["last"][:10], "--horizon-days", "30"]
    result = CliRunner().invoke(score, ["rehearse", str(planted / "m.yaml"), *files, *period])
    assert result.exception is None, result.exception
    outcome = json.loads(out.read_text())["models"][0]["outcome"]
    assert (outcome["cases"], outcome["converted"]) == (part["cases"], part["converted_cases"])
    assert report["models"][0]["auc"] == pytest.approx(outcome["auc"], abs=1e-12)
    assert report["models"][0]["auc"] > 0.65


def test_the_parts_of_each_lead_add_up_to_its_log_odds(planted: Path) -> None:
    rows = [json.loads(line) for line in (planted / "w.jsonl").read_text().splitlines()]
    assert len(rows) > 300
    assert len({row["log_odds"] for row in rows}) > 10
    for row in rows:
        assert row["base"] + sum(row["parts"].values()) == pytest.approx(row["log_odds"], abs=1e-9)
    chances = [row["probability"] for row in rows]
    assert chances == sorted(chances, reverse=True)
    # Each is what the files call the lead, and nobody who converted before the last date is among them.
    bought = {row[0] for row in csv.reader((planted / "e.csv").open()) if row[1] == "purchase" and row[2] < "2026-02"}
    assert not bought & {row["lead_id"] for row in rows}


def test_its_probabilities_are_those_that_come(planted: Path) -> None:
    report = report_in(planted)
    for model in report["models"]:
        assert model["brier"] < model["brier_of_base_rate"]
        said = np.average([row["mean_score"] for row in model["calibration"]])
        assert said == pytest.approx(report["validation"]["base_rate"], rel=0.35)


def test_the_card_tells_what_it_was_learned_from_what_it_is_worth_and_what_it_leaves_out(planted: Path) -> None:
    card, report = (planted / "c.md").read_text(), report_in(planted)
    assert f"{report['models'][0]['auc']:.3f}" in card
    assert f"{report['training']['base_rate']:.2%}" in card
    assert all(rule["words"] in card for rule in report["rules"])
    assert "`gender`" in card


def test_it_is_a_model_without_faults_but_windows_inside_windows(planted: Path) -> None:
    assert {fault.kind for fault in faults_of(read_model((planted / "m.yaml").read_text()))} <= {OVERLAP}


def test_what_leads_do_after_the_first_date_that_validates_changes_no_point(planted: Path, tmp_path: Path) -> None:
    people, events = history()
    random = Random(1)
    report = report_in(planted)
    later = datetime.fromisoformat(report["validation"]["first"])
    assert datetime.fromisoformat(report["training"]["last"]) + timedelta(days=30) <= later
    noise: Rows = [
        (number, name, (later + timedelta(hours=random.uniform(1, 900))).isoformat())
        for number in range(700) for name in ("pricing", "unheard") if random.random() < 0.5
    ]  # fmt: skip
    write(tmp_path, people, events + noise)
    changed = learned(tmp_path, "--monotone")
    assert (tmp_path / "m.yaml").read_bytes() == (planted / "m.yaml").read_bytes()
    assert changed["models"][0]["auc"] != report["models"][0]["auc"]


def test_a_model_in_force_is_compared_on_the_same_leads_and_named_columns_are_left_out(
    planted: Path, tmp_path: Path
) -> None:
    live = tmp_path / "live.yaml"
    live.write_text(
        "model: live\ngoal: purchase\ndimensions: {i: {}}\nrules: [{key: b, when: {event: blog}, points: 1}]\n"
    )
    write(tmp_path, *history())
    report = learned(tmp_path, "--against", str(live), "--exclude", "staff,blog")
    compared = report["models"][2]
    assert compared["model"] == "live"
    assert compared["scorecard_gains"] == pytest.approx(report["models"][0]["auc"] - compared["auc"])
    low, high = compared["gain_interval"]
    assert 0 < low < compared["scorecard_gains"] < high
    assert "staff" not in report["text"]
    assert "blog" not in report["text"]
    assert {each["name"] for each in report["excluded"] if each["kind"] == "asked"} == {"staff", "blog"}


def test_personas_may_be_asked_for() -> None:
    personas = read_personas("{persona: chief, criteria: [{when: {attribute: role, is: director}, weight: 1}]}")
    found = make_candidates(Vocabulary([AttributeSeen("role", "text", known=0.5)]), personas)
    assert [each.rule["when"] for each in found if each.source == "persona chief"] == [
        {"persona": "chief", "gte": limit} for limit in (0.4, 0.6, 0.8)
    ]


def bad_inputs() -> Iterator[tuple[str, Rows, Rows, str]]:
    people, events = history(leads=120)
    purchases = [event for event in events if event[1] == "purchase"]
    yield "nobody converts", people, [event for event in events if event[1] != "purchase"], "no lead converts"
    each_week = [FIRST + WEEK * week for week in range(-2, 30)]
    late: Rows = [(n, "purchase", each_week[-5].isoformat()) for n in range(120)]
    yield "everybody at the end", people, late, "no lead converts"
    yield "too few", people, events, "at least 40 of each"
    yield "no leads", [], events, "no lead was there"
    yield "nothing known", [(row[0], row[1]) for row in people], purchases, "nothing is known of the leads"


@pytest.mark.parametrize(
    ("people", "events", "message"), [each[1:] for each in bad_inputs()], ids=[e[0] for e in bad_inputs()]
)
def test_what_cannot_be_learned_is_refused_in_words(tmp_path: Path, people: Rows, events: Rows, message: str) -> None:
    write(tmp_path, people, events, COLUMNS[: len(people[0])] if people else COLUMNS)
    result = learn(tmp_path)
    assert message in str(result.exception)
    assert not (tmp_path / "m.yaml").exists()


def test_a_period_too_short_for_its_horizon_is_refused(tmp_path: Path) -> None:
    write(tmp_path, *history(leads=50))
    assert "leave none to train on" in str(learn(tmp_path, "--from", "2026-02-01").exception)


def test_leads_without_events_are_learned_from_by_what_they_told(tmp_path: Path) -> None:
    people, events = history()
    write(tmp_path, people, [event for event in events if event[1] == "purchase"])
    report = learned(tmp_path)
    assert {rule["dimension"] for rule in report["rules"]} == {"fit"}
    assert report["models"][0]["auc"] > 0.55


# A workspace


def fill(workspace: Any, at: datetime) -> None:
    """The same history; and who bought is told to have a contract, an hour later."""
    people, events = history(leads=600)
    roles = {row[0]: row[2] for row in people}
    acts: dict[object, list[Act]] = {number: [] for number in roles}
    for number, name, when in events:
        acts[number].append(Act(str(name), at - datetime.fromisoformat(str(when))))
    persons = [Person({}, acts[number]) for number in roles]
    ids = dict(zip(roles, make_leads(workspace, persons, at), strict=True))
    Lead.objects.filter(workspace=workspace).update(created_at=FIRST - WEEK)
    for key in ("role", "contract"):
        define(workspace_id=workspace.id, subject="lead", key=key, type="text", at=at)
    told = [
        identify(ids[number], FIRST - WEEK, role=role, tags=["feria"] if role == "director" else ["web", "blog"])
        for number, role in roles.items()
    ]
    told += [
        identify(ids[number], datetime.fromisoformat(str(when)) + timedelta(hours=1), contract="yes")
        for number, name, when in events if name == "purchase"
    ]  # fmt: skip
    record_events(workspace_id=workspace.id, events=told, received_at=None)
    project_leads(workspace_id=workspace.id, lead_ids=list(ids.values()), at=at)


def identify(lead_id: int, at: datetime, **properties: object) -> NewEvent:
    return NewEvent("identify", f"told:{lead_id}:{at}", at, lead_id=lead_id, properties=properties)


def test_a_workspace_is_learned_from_as_it_stood_on_each_date(
    huerta: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime(2026, 3, 20, tzinfo=UTC)
    monkeypatch.setattr(scores, "product", nullcontext)
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, data_folder=tmp_path))
    fill(huerta, at)
    live = "model: live\ngoal: purchase\ndimensions: {i: {}}\nrules: [{key: b, when: {event: blog}, points: 1}]\n"
    publish_model(workspace_id=huerta.id, text=live, at=at)
    out = {"out": "m.yaml", "report": "r.json", "card": "c.md", "reasons": "w.jsonl"}
    files = [word for key, name in out.items() for word in (f"--{key}", str(tmp_path / name))]
    result = CliRunner().invoke(score, ["learn", "--workspace", huerta.slug, *files, *PERIOD[:-2], "--monotone"])
    assert result.exception is None, result.exception
    report, text = report_in(tmp_path), (tmp_path / "m.yaml").read_text()
    assert "contract" not in text
    assert "director" in text or "tag: feria" in text
    assert {each["name"] for each in report["excluded"]} == {"contract", "created_at", "owner", "purchase", "identify"}
    reasons = [json.loads(line) for line in (tmp_path / "w.jsonl").read_text().splitlines()]
    assert {"pricing", "role", "tags"} <= reasons[0]["parts"].keys()
    assert any(each["parts"]["pricing"] > 0.3 for each in reasons)
    assert [each.get("model", each["which"]) for each in report["models"]] == ["scorecard", "boosting", "live"]
    assert report["models"][2]["gain_interval"][0] > 0
    assert "&" not in text
    assert publish_model(workspace_id=huerta.id, text=text, at=at).key == "learned"

    refused = CliRunner().invoke(score, ["learn", "--workspace", huerta.slug, *files, *PERIOD, "--timezone", "UTC"])
    assert "hint: --workspace without" in str(refused.exception)
    early = ["--from", f"{clock.now() - 10 * WEEK:%Y-%m-%d}", "--to", f"{clock.now():%Y-%m-%d}"]
    refused = CliRunner().invoke(score, ["learn", "--workspace", huerta.slug, *files, *early])
    assert "is not over" in str(refused.exception)


def test_a_workspace_s_history_as_files_has_no_names_and_addresses(
    huerta: Any, at: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores, "product", nullcontext)
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, data_folder=tmp_path))
    for key, type_ in (("hectares", "number"), ("first_name", "text"), ("second", "email")):
        define(workspace_id=huerta.id, subject="lead", key=key, type=type_, at=at)
    make_leads(huerta, [Person({"hectares": 12, "first_name": "Ana", "second": "a@x.example"}, [Act("visit")])], at)
    result = CliRunner().invoke(score, ["history", "--workspace", huerta.slug, "--out", str(tmp_path / "out")])
    assert result.exception is None, result.exception
    assert result.output.startswith("1 leads and 1 events are in ")
    with duckdb.connect() as connection:
        columns = [row[0] for row in connection.execute(f"DESCRIBE FROM '{tmp_path}/out/leads.parquet'").fetchall()]
    assert columns == ["lead_id", "hectares", "tags", "created_at", "owner"]


# The demo


@pytest.mark.slow
def test_the_hidden_process_of_the_demo_is_recovered_as_far_as_it_can_be(tmp_path: Path) -> None:
    """By area: a template of the trade < what is learned <= the truth, and chance below all."""
    end = datetime(2026, 3, 20, tzinfo=UTC)
    lives = {each.person.email: each.life for each in imagine(at=end, seed=7, leads=8_000).newcomers}
    write_lives(tmp_path, lives)
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    report = learned(tmp_path, "--against", str(template), "--monotone")
    areas = {each["which"]: each["auc"] for each in report["models"]}
    ceiling = true_area(lives, report)
    (tmp_path / "areas.txt").write_text(f"{areas} truth {ceiling}")
    assert 0.55 < areas["current"] < areas["scorecard"] < ceiling
    assert areas["current"] < areas["boosting"] < ceiling
    assert report["models"][2]["gain_interval"][0] > 0


TEMPLATE = """
model: template
goal: purchase
dimensions: {fit: {}, interest: {max: 60}}
rules:
  - {key: role, dimension: fit, when: {attribute: job_title, any_of: [director, gerente, propietario]}, points: 15}
  - {key: size, dimension: fit, when: {attribute: employees, any_of: [50-249, 250-999]}, points: 10}
  - {key: page, dimension: interest, when: {event: page}, points: 2, window_days: 90, max: 20}
  - {key: click, dimension: interest, when: {event: click}, points: 5, window_days: 90, max: 20}
  - {key: quote, dimension: interest, when: {event: quote}, points: 25, window_days: 90, count: once}
"""


def write_lives(folder: Path, lives: dict[str, Life]) -> None:
    columns = ("lead_id", "created_at", "job_title", "employees", "sector", "province", "hectares")
    people: Rows = [
        (email, life.born.isoformat(), *(getattr(life.person, name) for name in columns[2:]))
        for email, life in lives.items()
    ]
    events: Rows = []
    for email, life in lives.items():
        for act in life.acts:
            if act.verb == "visit":
                events += [(email, "page", act.at.isoformat(), path) for path in act.detail]
            else:
                events.append((email, act.verb, act.at.isoformat(), ""))
    write(folder, people, events, columns)


def true_area(lives: dict[str, Life], report: dict[str, Any]) -> float:
    """Of the true process, asked about each lead on each date that validates."""
    first, last = (datetime.fromisoformat(report["validation"][end]) for end in ("first", "last"))
    scores, converted = [], []
    for week in range((last - first) // WEEK + 1):
        at = first + WEEK * week
        for life in lives.values():
            if life.born <= at and not (life.bought_at and life.bought_at <= at):
                scores.append(life.true_score(at))
                converted.append(bool(life.bought_at and life.bought_at <= at + timedelta(days=30)))
    assert len(scores) == report["validation"]["cases"]
    return Ranked.of(np.array(scores), np.array(converted)).auc
