"""Two versions of a model, told apart in words."""

from typing import Any

import pytest
from django.utils import translation

from cultiva.lib.documents import read_document
from cultiva.scoring.differences import differences
from cultiva.scoring.model import ScoringModel
from cultiva.scoring.tests.test_model import MODEL

GRADE = "grade: {dimension: fit, A: 30, B: 20, C: 10}"
DIRECTOR = "  - {key: director, dimension: fit, when: {attribute: job_title, contains_any: [director, vp]}, points: 15}"
# what is written in place of what, and all that is said of it in English
CHANGES: list[tuple[str, str, list[str]]] = [
    ("points: 5", "points: 8", ["The rule “the page visited starts with /precios, in 90 days”, points: 5 → 8."]),
    ("starts_with: /precios", "starts_with: /tarifas", [
        "The rule “the page visited starts with /precios, in 90 days”, what it asks for:"
        " the page visited starts with /precios → the page visited starts with /tarifas."]),
    (DIRECTOR, "", ["The rule “the job title contains director or vp” is gone: it gave 15 points."]),
    ("key: assets", "key: files", [
        "New rule “downloads content”: 4 points in “interest”.",
        "The rule “downloads content” is gone: it gave 4 points."]),
    ("max: 40, weight: 1", "weight: 1.5", [
        "The dimension “fit”, weight: 1 → 1.5.", "The dimension “fit”, at most: 40 → no limit."]),
    ("total: {min: 0, max: 100}", "total: {min: 0, max: 80}", ["The total, at most: 100 → 80."]),
    ("hot: 60, hysteresis: 5", "hot: 70", ["Hot from: 60 → 70.", "Margin to leave a band: 5 → 0."]),
    ("temperature: {warm: 30, hot: 60, hysteresis: 5}", "", ["The model no longer tells cold, warm and hot apart."]),
    ("A: 30", "A: 35", ["The grade by letter, A from: 30 → 35."]),
    (GRADE, "", ["The model no longer gives the grade by letter."]),
    ("window_days: 90", "window_days: 1", [
        "The rule “the page visited starts with /precios, in 90 days”, looks back: 90 days → 1 day."]),
    ("    ageing: {half_life_days: 14}", "", [
        "The rule “the page visited starts with /precios, in 90 days”, ageing:"
        " half the points are left after 14 days → none."]),
    ("count: each", "count: per_distinct\n    distinct: path", [
        "The rule “the page visited starts with /precios, in 90 days”, what counts:"
        " each time → once for each different path."]),
    ("max: 20", "max: 25", ["The rule “the page visited starts with /precios, in 90 days”, at most: 20 → 25."]),
    ("goal: purchase", "", ["The goal: purchase → none."]),
    ("Europe/Madrid", "Europe/Lisbon", ["The time zone: Europe/Madrid → Europe/Lisbon."]),
    ("vp]", "vp, a, b, c, d, e, f, g, h, i, j]", [
        "The rule “the job title contains director or vp”, what it asks for: the job title contains director or vp"
        " → the job title contains director, vp, a, b, c, d, e, f, g or 3 more."]),
]  # fmt: skip


def read(text: str) -> ScoringModel:
    return ScoringModel.read(read_document(text))


@pytest.mark.parametrize(("old", "new", "said"), CHANGES, ids=[old[:30] for old, _new, _said in CHANGES])
def test_each_change_is_one_sentence(old: str, new: str, said: list[str]) -> None:
    assert old in MODEL
    before, after = read(MODEL), read(MODEL.replace(old, new, 1))
    with translation.override("en"):
        assert differences(before, after) == said
        assert len(differences(after, before)) == len(said)
    with translation.override("es"):
        spanish: Any = differences(before, after)
    assert len(spanish) == len(said)
    assert not set(spanish) & set(said)


def test_equal_models_and_another_order_of_rules_are_no_difference() -> None:
    model = read_document(MODEL)
    turned = model | {"rules": model["rules"][::-1]}
    assert differences(read(MODEL), ScoringModel.read(turned)) == []


def test_a_change_that_the_words_leave_out_is_told_all_the_same() -> None:
    before, after = (
        MODEL.replace("vp]", f"vp, a, b, c, d, e, f, g, h, i, {last}]") for last in ("first", "second")
    )  # fmt: skip
    with translation.override("en"):
        (said,) = differences(read(before), read(after))
    assert said.endswith("asks for something else, by a detail that its words leave out.")
