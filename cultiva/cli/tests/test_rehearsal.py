"""Rehearsals: nothing later than a date reaches its scores, and the figures are what a plain count says."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from cultiva.cli.scores import score
from cultiva.lib.refusals import Refusal
from cultiva.scoring.rehearsal.metrics import (
    Ranked,
    groups_of,
    interval_of_auc,
    threshold_for,
)
from cultiva.scoring.rehearsal.plan import make_plan

MODEL = """
model: readiness
goal: purchase
timezone: Europe/Madrid
dimensions: {interest: {}}
rules:
  - {key: visit, when: {event: visit}, points: 10}
  - {key: never, when: {event: unheard}, points: 5}
  - {key: bought, when: {event: purchase}, points: 1000}
temperature: {warm: 10, hot: 20}
"""
LEADS = "lead_id,created_at,owner\n1,2025-12-01,Ana\n2,2025-12-01,Eva\n3,2025-12-01,Eva\n4,2026-01-20,Ana\n"
BEFORE = """lead_id,name,occurred_at
1,visit,2026-01-06T10:00:00Z
1,visit,2026-01-13T10:00:00Z
2,visit,2026-01-07T10:00:00Z
3,purchase,2026-01-01T10:00:00Z
"""
AFTER = """1,purchase,2026-02-01T10:00:00Z
1,visit,2026-02-02T10:00:00Z
2,visit,2026-02-02T10:00:00Z
"""


def rehearse(folder: Path, *more: str, events: str = BEFORE + AFTER, model: str = MODEL, leads: str = LEADS) -> Any:
    for name, text in (("m.yaml", model), ("l.csv", leads), ("e.csv", events)):
        (folder / name).write_text(text, encoding="utf-8")
    period = ["--from", "2026-01-05", "--to", "2026-01-26", "--horizon-days", "30"]
    files = ["--leads", str(folder / "l.csv"), "--events", str(folder / "e.csv"), "--out", str(folder / "r.json")]
    return CliRunner().invoke(score, ["rehearse", str(folder / "m.yaml"), *files, *period, *more])


def report(folder: Path, *more: str, **files: str) -> dict[str, Any]:
    result = rehearse(folder, *more, **files)
    assert result.exception is None, result.exception
    loaded: dict[str, Any] = json.loads((folder / "r.json").read_text())
    return loaded


def test_dates_are_local_midnights_a_week_apart() -> None:
    plan = make_plan(
        first=date(2026, 3, 23), last=date(2026, 4, 5), timezone="Europe/Madrid", horizon_days=30, goal="purchase"
    )
    assert plan.dates == (datetime(2026, 3, 22, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC))
    assert plan.until == plan.dates[1] + timedelta(days=30)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"last": date(2026, 1, 1)}, "holds no date"),
        ({"horizon_days": 0}, "a horizon of 0 days"),
        ({"goal": ""}, "no event is named"),
        ({"last": date(2096, 1, 1)}, "weekly dates"),
    ],
)
def test_a_period_that_cannot_be_is_refused(changed: dict[str, Any], message: str) -> None:
    asked: dict[str, Any] = {
        "first": date(2026, 1, 5), "last": date(2026, 2, 5), "timezone": "UTC", "horizon_days": 30, "goal": "purchase",
    }  # fmt: skip
    with pytest.raises(Refusal, match=message):
        make_plan(**asked | changed)


def test_what_came_later_never_reaches_a_score(tmp_path: Path) -> None:
    whole = report(tmp_path)["models"][0]
    # Lead 3 bought before the first date; lead 4 is made before the last date alone.
    assert [sum(each[band] for band in ("cold", "warm", "hot")) for each in whole["forecast"]["bands"]] == [2, 2, 2, 3]
    assert whole["forecast"]["bands"][-1] | {"at": ""} == {"at": "", "cold": 1, "warm": 1, "hot": 1}
    rules = {each["rule"]: each for each in whole["outcome"]["rules"]}
    assert rules["bought"]["is_dead"]
    assert rules["never"]["is_dead"]
    assert rules["visit"]["with_points"] == 6


def test_without_all_that_came_after_the_forecast_is_the_same_to_the_byte(tmp_path: Path) -> None:
    whole, cut = (report(tmp_path, "--capacity", "1", events=each)["models"][0] for each in (BEFORE + AFTER, BEFORE))
    assert json.dumps(whole["forecast"]) == json.dumps(cut["forecast"])
    assert whole["threshold"] == cut["threshold"]
    assert "auc" in whole["outcome"]
    assert "no lead converts" in cut["outcome"]["unavailable"]


def test_hand_overs_are_counted_by_week_and_seller_and_days_of_warning_by_conversion(tmp_path: Path) -> None:
    found = report(tmp_path)["models"][0]
    assert found["threshold"] == 20
    assert [(each["count"], each["by_owner"]) for each in found["forecast"]["hand_overs"]] == [
        (0, {}), (1, {"Ana": 1}), (0, {})
    ]  # fmt: skip
    assert [each["count"] for each in found["forecast"]["marketing_qualified"]] == [2, 0, 0]
    assert found["outcome"]["at_threshold"] == {"above": 2, "precision": 1.0, "recall": 0.5}
    # From midnight of 19 January in Madrid to 1 February, 10:00 UTC
    assert found["outcome"]["median_days_of_warning"] == pytest.approx(13 + 11 / 24)


def test_models_are_compared_by_who_stands_in_another_band(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(MODEL.replace("points: 10", "points: 20"))
    draft = report(tmp_path, str(tmp_path / "other.yaml"))["models"][1]
    assert draft["against_first"]["changed"] == 1
    assert draft["against_first"]["leads"] == [
        {"lead_id": "2", "from": "warm", "to": "hot", "total_before": 10.0, "total_after": 20.0}
    ]


@pytest.mark.parametrize(
    ("events", "leads", "message"),
    [
        ("lead_id,name,occurred_at\n", LEADS, "no lead converts"),
        ("lead_id,name,occurred_at\n", "lead_id\n", "no lead was there"),
        ("lead_id,name,occurred_at\n1,purchase,2026-01-28T00:00:00Z\n", "lead_id\n1\n", "every lead converts"),
    ],
)
def test_where_nothing_can_be_told_apart_it_says_so(tmp_path: Path, events: str, leads: str, message: str) -> None:
    assert message in report(tmp_path, events=events, leads=leads)["models"][0]["outcome"]["unavailable"]


def test_a_capacity_of_nothing_is_refused(tmp_path: Path) -> None:
    result = rehearse(tmp_path, "--capacity", "0")
    assert "capacity of 0.0" in str(result.exception)
    assert not (tmp_path / "r.json").exists()


def plain_auc(scores: list[float], converted: list[bool]) -> float:
    pairs = [
        (a > b) + (a == b) / 2
        for a, hit in zip(scores, converted, strict=True) if hit
        for b, other in zip(scores, converted, strict=True) if not other
    ]  # fmt: skip
    return sum(pairs) / len(pairs)


@pytest.mark.parametrize("seed", range(5))
def test_the_area_is_the_share_of_pairs_in_order(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, converted = random.integers(0, 6, 60).astype(float), random.random(60) < 0.3
    ranked = Ranked.of(scores, converted)
    assert ranked.auc == pytest.approx(plain_auc(scores.tolist(), converted.tolist()))
    steps = sorted(set(scores), reverse=True)
    recalls = [(scores >= each)[converted].mean() for each in steps]
    precisions = [converted[scores >= each].mean() for each in steps]
    gains = [b - a for a, b in zip([0.0, *recalls], recalls, strict=False)]
    assert ranked.average_precision == pytest.approx(sum(g * p for g, p in zip(gains, precisions, strict=True)))


def test_who_knows_what_comes_gets_one_and_noise_a_half_within_its_interval() -> None:
    random = np.random.default_rng(7)
    converted, leads = random.random(4_000) < 0.2, np.repeat(np.arange(1_000), 4)
    assert Ranked.of(converted.astype(float), converted).auc == 1
    interval = interval_of_auc(random.random(4_000), converted, leads)
    assert interval
    assert interval[0] < 0.5 < interval[1]


def test_tenths_hold_everybody_and_their_lift_averages_to_one() -> None:
    random = np.random.default_rng(3)
    scores, converted = random.random(1_000), random.random(1_000) < 0.1
    tenths = groups_of(scores, converted)
    assert [each["count"] for each in tenths] == [100] * 10
    assert sum(each["converted"] for each in tenths) == converted.sum()
    assert sum(each["lift"] for each in tenths) / 10 == pytest.approx(1)


@pytest.mark.parametrize(("allowed", "threshold"), [(0, None), (1, 40), (2, 30), (9, 10)])
def test_the_threshold_is_the_lowest_that_the_capacity_allows(allowed: float, threshold: float | None) -> None:
    greatest, first = np.array([50.0, 40, 30, 10, 10]), np.array([0.0, 40, 0, 0, -np.inf])
    assert threshold_for(greatest, first, allowed) == threshold
