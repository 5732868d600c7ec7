"""Reading scoring models."""

from pathlib import Path
from typing import Any

import pytest

from cultiva.lib.documents import DocumentError, read_document
from cultiva.scoring.model import COUNTS, MODEL_KEYS, RULE_KEYS, Ageing, Bounds, ScoringModel

MODEL = """
model: readiness
goal: purchase
timezone: Europe/Madrid
dimensions:
  fit:    {min: -20, max: 40, weight: 1}
  interest: {min: 0, max: 60}
total: {min: 0, max: 100}
rules:
  - {key: director, dimension: fit, when: {attribute: job_title, contains_any: [director, vp]}, points: 15}
  - key: pricing
    dimension: interest
    when: {event: page, where: [{property: path, starts_with: /precios}]}
    points: 5
    count: each
    window_days: 90
    ageing: {half_life_days: 14}
    max: 20
  - {key: assets, dimension: interest, when: {event: download}, points: 4, count: per_distinct, distinct: asset}
  - {key: silent, dimension: interest, when: {event: any, times: {at_most: 0}}, window_days: 60, points: -10}
temperature: {warm: 30, hot: 60, hysteresis: 5}
grade: {dimension: fit, A: 30, B: 20, C: 10}
"""


def read(text: str) -> ScoringModel:
    return ScoringModel.read(read_document(text, name="model"))


def test_it_reads_a_whole_model() -> None:
    model = read(MODEL)
    assert (model.key, model.name, model.goal, model.timezone) == (
        "readiness", "readiness", "purchase", "Europe/Madrid",
    )  # fmt: skip
    fit, interest = model.dimensions
    assert (fit.bounds, fit.weight, interest.bounds, interest.weight) == (Bounds(-20, 40), 1, Bounds(0, 60), 1)
    director, pricing, assets, silent = model.rules
    assert [rule.side for rule in model.rules] == ["predictive", "retrospective", "retrospective", "retrospective"]
    assert [rule.count for rule in model.rules] == ["", "each", "per_distinct", "once"]
    assert director.event is None
    assert (pricing.window_days, pricing.ageing, pricing.bounds) == (90, Ageing("half_life", 14), Bounds(None, 20))
    assert assets.distinct == ("asset",)
    assert silent.points == -10
    assert model.temperature
    assert model.grade
    assert (model.temperature.hot, model.temperature.hysteresis, model.grade.limits["C"]) == (60, 5, 10)


def test_the_model_on_the_reference_page_is_one() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/models.md").read_text(encoding="utf-8")
    model = read(page.split("```yaml")[1].split("```")[0])
    assert [rule.key for rule in model.rules] == ["director", "pricing", "assets", "silent"]
    words = (*MODEL_KEYS, *RULE_KEYS, *COUNTS, "half_life_days", "linear_days", "expires_days", "hysteresis")
    assert [word for word in words if f"`{word}`" not in page and f"{word}: " not in page] == []


def test_a_model_with_one_dimension_may_leave_it_unsaid() -> None:
    model = read("{model: m, dimensions: {all: {}}, rules: [{key: a, when: {event: page}, points: 1}],"
                 " grade: {A: 3, B: 2, C: 1}}")  # fmt: skip
    assert model.rules[0].dimension == "all"
    assert model.grade
    assert model.grade.dimension == "all"
    assert (model.temperature, model.total, model.timezone) == (None, Bounds(), "")


def test_a_rule_says_its_window_or_the_name_its_author_gave_it() -> None:
    pricing = read(MODEL).rules[1]
    assert pricing.words("es") == "la página visitada empieza por /precios, en 90 días"
    assert pricing.words("en") == "the page visited starts with /precios, in 90 days"
    named = read(MODEL.replace("key: pricing", "key: pricing\n    name: {es: Mira precios, en: Looks at prices}"))
    assert named.rules[1].words("es") == "Mira precios"
    assert named.rules[1].words("en") == "Looks at prices"


def rule(text: str) -> str:
    return f"{{model: m, dimensions: {{fit: {{}}, interest: {{}}}}, rules: [{{{text}}}]}}"


def matrix(limits: str) -> str:
    return f"interest_grade: {{dimension: interest, {limits}}}"


BARE = "key: a, dimension: fit, points: 1, when: {event: page}"
TREE = "key: a, dimension: fit, points: 1, when: {all: [{event: page}]}"
REFUSED = [
    ("{}", "model: `model` is missing", ""),
    ("{model: m, rules: [], dimensions: {a: {}}}", "rules: the list is empty", ""),
    ("{model: m, rules: [], dimensions: {}}", "dimensions: at least one is needed", ""),
    ("{model: m, dimensions: {a: {maxx: 1}}, rules: []}", "dimensions.a: unknown key `maxx`", "did you mean `max`?"),
    ("{model: m, dimensions: {a: {min: 2, max: 1}}, rules: []}", "dimensions.a: min 2 is above max 1", ""),
    ("{model: m, dimensions: {a: {weight: .nan}}, rules: []}", "dimensions.a.weight: a finite number is needed", ""),
    ("{model: '', dimensions: {a: {}}, rules: []}", "model: the text is empty", ""),
    ("{model: m, dimensionss: {a: {}}, rules: []}", "model: unknown key `dimensionss`", "did you mean `dimensions`?"),
    (MODEL.replace("Europe/Madrid", "Europe/Madird"), "timezone: no time zone 'Europe/Madird'", "an IANA name"),
    (MODEL.replace("key: assets", "key: pricing"), "rules[2].key: `pricing` is given twice", ""),
    (MODEL.replace("hot: 60", "hot: 20"), "temperature: warm 30 is above hot 20", ""),
    (MODEL.replace("hysteresis: 5", "hysteresis: -1"), "temperature.hysteresis: -1 is below 0", ""),
    (MODEL.replace("A: 30", "A: 5"), "grade: the limits of A, B and C must fall", "{A: 30, B: 20, C: 10}"),
    (MODEL.replace("{dimension: fit, A", "{dimension: fitt, A"), "grade.dimension: no dimension `fitt`", "`fit`?"),
    (MODEL.replace("C: 10}", "C: 10, D: 1}"), "grade: unknown key `D`", ""),
    (MODEL + matrix("1: 40"), "interest_grade: `2` is missing", ""),
    (MODEL + matrix("1: 40, 2: 25, 3: 10, 4: 1"), "interest_grade: unknown key `4`", ""),
    (MODEL + matrix("1: 40, 2: 25, '2': 20, 3: 10"), "interest_grade: `2` is given twice", ""),
    (MODEL + matrix("1: 10, 2: 25, 3: 40"), "interest_grade: the limits of 1, 2 and 3 must fall", "{1: 30, 2: 20,"),
    (MODEL + matrix("1: 40, 2: .inf, 3: 10"), "interest_grade.2: a finite number is needed", ""),
    (MODEL + "interest_grade: 40", "interest_grade: a mapping of keys is needed", ""),
    (MODEL.replace("grade: {", "interest_grade: {").replace("A:", "1:").replace("B:", "2:").replace("C:", "3:"),
     "interest_grade: it needs `grade` beside it", "`grade` gives the letter of A1"),
    (rule("key: a, points: 1, when: {event: page}"), "rules[0]: `dimension` is missing", "fit, interest"),
    (rule("key: a, dimension: fot, points: 1, when: {event: page}"), "rules[0].dimension: no dimension", "`fit`?"),
    (rule("key: a, dimension: fit, when: {event: page}"), "rules[0]: `points` is missing", ""),
    (rule("key: a, dimension: fit, points: 1"), "rules[0]: `when` is missing", ""),
    (rule("key: a, dimension: fit, points: true, when: {event: page}"), "rules[0].points: a number is needed", ""),
    (rule("key: a, dimension: fit, points: .inf, when: {event: page}"), "rules[0].points: a finite number", ""),
    (rule("key: a, dimension: fit, points: 1e10, when: {event: page}"), "rules[0].points: 10000000000.0 is out of", ""),
    (rule("key: a, dimension: fit, points: 1e-300, when: {event: page}"), "rules[0].points: 1e-300 is out", ""),
    (rule("key: a, dimension: fit, points: 1, when: {event: page, wher: []}"),
     "rules[0].when: unknown key `wher`", "did you mean `where`?"),
    (rule("key: a, dimension: fit, points: 1, when: {all: [{any: [{attribut: a}]}]}"),
     "rules[0].when.all[0].any[0]: unknown key `attribut`", "`attribute`?"),
    (rule("key: a, dimension: fit, points: 1, when: {score: m, gt: 1}"),
     "rules[0].when: a scoring rule cannot ask for `score`", "attributes, tags and events"),
    (rule("key: a, dimension: fit, points: 1, when: {not: {temperature: hot}}"),
     "rules[0].when: a scoring rule cannot ask for `temperature`", ""),
    (rule("key: a, dimension: fit, points: 1, when: {not: {event: score}}"),
     "rules[0].when: a scoring rule cannot ask for `score` events", "events of people"),
    (rule("key: a, dimension: fit, points: .nan, when: {event: page}"), "rules[0].points: a finite number", ""),
    (rule("key: a, dimension: fit, pts: 1, when: {event: page}"), "rules[0]: unknown key `pts`", "`points`"),
    (rule(f"{BARE}, ageing: {{half_life_days: .inf}}"), "rules[0].ageing.half_life_days: a finite number", ""),
    (rule(f"{BARE}, ageing: {{half_life_days: -1}}"), "rules[0].ageing.half_life_days: a number above 0", ""),
    (rule(f"{BARE}, window_days: .nan"), "rules[0].window_days: a finite number", ""),
    (rule(f"{BARE}, max: .inf"), "rules[0].max: a finite number", ""),
    (MODEL.replace("hot: 60", "hot: .nan"), "temperature.hot: a finite number", ""),
    (MODEL.replace("total: {min: 0, max: 100}", "total: {min: 0, max: 1e12}"), "total.max: 1000000000000.0 is out", ""),
    (MODEL.replace("weight: 1", "weight: .inf"), "dimensions.fit.weight: a finite number", ""),
    (rule("key: a, dimension: fit, points: 1, when: {all: [{event: page, since: hola}]}"),
     "rules[0].when.all[0].since: there is no `hola`", "`since` stands in workflows only"),
    (rule("key: a, dimension: fit, points: 1, when: {event: page, within_days: 3}"),
     "rules[0].when.within_days: a bare event rule", "window_days"),
    (rule(f"{TREE}, window_days: 3"),
     "rules[0].window_days: `window_days` needs a `when` that is one bare event", "within_days"),
    (rule(f"{TREE}, count: each"), "rules[0].count: `count` needs a `when` that is one bare event", ""),
    (rule(f"{TREE}, distinct: a"), "rules[0].distinct: `distinct` needs", ""),
    (rule(f"{TREE}, ageing: {{linear_days: 3}}"), "rules[0].ageing: `ageing` needs", ""),
    (rule(f"{BARE}, min: 1"), "rules[0].min: 1 is above 0", ""),
    (rule(f"{BARE}, max: -1"), "rules[0].max: -1 is below 0", ""),
    (rule(f"{BARE}, count: eech"), "rules[0].count: no way to count `eech`", "did you mean `each`?"),
    (rule(f"{BARE}, count: per_distinct"), "rules[0]: `count: per_distinct` and `distinct` belong together", ""),
    (rule(f"{BARE}, distinct: asset"), "rules[0]: `count: per_distinct` and `distinct` belong together", ""),
    (rule(f"{BARE}, window_days: 0"), "rules[0].window_days: a number above 0 is needed", ""),
    (rule(f"{BARE}, ageing: {{}}"), "rules[0].ageing: exactly one way is needed, not 0", "half_life_days or"),
    (rule(f"{BARE}, ageing: {{half_life_days: 3, linear_days: 3}}"), "rules[0].ageing: exactly one way is needed", ""),
    (rule(f"{BARE}, ageing: {{half_life_days: 0}}"), "rules[0].ageing.half_life_days: a number above 0", ""),
    (rule(f"{BARE}, ageing: {{half_life: 3}}"), "rules[0].ageing: unknown key `half_life`", "`half_life_days`?"),
    (rule(f"{BARE}, name: {{es: a}}"), "rules[0].name: `en` is missing", ""),
    (rule(f"{BARE}, name: {{es: a, en: ''}}"), "rules[0].name.en: the text is empty", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED)
def test_it_refuses_what_it_cannot_score(text: str, message: str, hint: str) -> None:
    with pytest.raises(DocumentError) as error:
        read(text)
    assert str(error.value).startswith(message)
    assert hint in error.value.hint


def test_it_refuses_more_than_one_statement_can_hold() -> None:
    rules: list[dict[str, Any]] = [
        {"key": f"r{number}", "when": {"event": "page"}, "points": 1} for number in range(201)
    ]
    with pytest.raises(DocumentError, match="rules and their conditions are 402"):
        ScoringModel.read({"model": "m", "dimensions": {"a": {}}, "rules": rules})
    dimensions: dict[str, Any] = {f"d{number}": {} for number in range(41)}
    with pytest.raises(DocumentError, match="dimensions: there are 41"):
        ScoringModel.read({"model": "m", "dimensions": dimensions, "rules": rules})
