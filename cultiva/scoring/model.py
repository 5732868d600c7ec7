"""A scoring model, read from its document (docs/reference/models.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from django.utils.translation import gettext

from cultiva.criteria.conditions.event import EventHappened, read_path
from cultiva.criteria.language import Context, Node, compile_predicate, conditions_of, parse, reads_of, say
from cultiva.criteria.personas import AnyPersona
from cultiva.criteria.reading import read_days, read_list, read_number, read_text
from cultiva.lib.documents import DocumentError, Mistakes, check_keys, nearest
from cultiva.lib.zones import time_zones

COUNTS = ("each", "once", "last", "per_day", "per_distinct")
EVENT_RULE_KEYS = ("count", "distinct", "window_days", "ageing")
RULE_KEYS = ("key", "name", "dimension", "when", "points", "min", "max", *EVENT_RULE_KEYS)
MODEL_KEYS = (
    "model", "name", "primary", "goal", "timezone", "dimensions", "total", "rules", "temperature", "grade",
    "interest_grade",
)  # fmt: skip
LANGUAGES = ("es", "en")
LETTERS, LAST_LETTER = ("A", "B", "C"), "D"
NUMBERS, LAST_NUMBER = ("1", "2", "3"), "4"  # of the matrix, A1 to D4
KEY_LENGTH = 80  # model_version.key
NAME_LENGTH = 160  # model_version.name
# PostgreSQL refuses a product that leaves float64, above or below: far inside these, no sum of points can.
GREATEST, SMALLEST = 1e9, 1e-9
PARTS_LIMIT = 400  # rules and their conditions: a row of PostgreSQL holds 1,664 columns, a part needs up to 4
DIMENSIONS_LIMIT = 40  # jsonb_build_object takes 100 arguments


@dataclass(frozen=True)
class Bounds:
    """What a result is clamped to; None: unbounded."""

    min: float | None = None
    max: float | None = None


@dataclass(frozen=True)
class Dimension:
    name: str
    bounds: Bounds
    weight: float


@dataclass(frozen=True)
class Ageing:
    """How the weight of an event falls with its age: half_life, linear or expires, in days of 86,400 s."""

    kind: str
    days: float


@dataclass(frozen=True)
class Rule:
    key: str
    dimension: str
    when: Node
    points: float
    bounds: Bounds
    name: Mapping[str, str] = field(default_factory=dict)  # {language: words}, where the author gave them
    count: str = ""  # one of COUNTS; empty: a tree
    distinct: tuple[str, ...] = ()
    window_days: float | None = None
    ageing: Ageing | None = None

    @property
    def event(self) -> EventHappened | None:
        """The event of a bare event rule; None for a tree."""
        return self.when if isinstance(self.when, EventHappened) else None

    @property
    def side(self) -> str:
        """`predictive`: from what the lead told us; `retrospective`: from what the lead did."""
        return "retrospective" if reads_of(self.when).events else "predictive"

    def words(self, language: str) -> str:
        """What it rewards, in `es` or `en`: the author's name for it, or its `when` in words."""
        if self.name:
            return self.name[language]
        return say(replace(self.event, within_days=self.window_days) if self.event else self.when, language)


@dataclass(frozen=True)
class Temperature:
    warm: float
    hot: float
    hysteresis: float


@dataclass(frozen=True)
class Grade:
    dimension: str
    limits: Mapping[str, float]  # of A, B and C, or 1, 2 and 3, falling
    last: str  # below them all: D, or 4


@dataclass(frozen=True)
class ScoringModel:
    key: str
    name: str
    goal: str  # the event that counts as the conversion; empty: none named
    timezone: str  # empty: the workspace's
    dimensions: tuple[Dimension, ...]
    total: Bounds
    rules: tuple[Rule, ...]
    temperature: Temperature | None
    grade: Grade | None
    interest_grade: Grade | None

    @classmethod
    def read(cls, document: Any) -> Self:
        """The model in a document as `lib.documents.read_document` gives it; raises DocumentError."""
        needed = ("model", "dimensions", "rules")
        mistakes = Mistakes()
        found = check_keys(document, allowed=MODEL_KEYS, required=needed, place="model", mistakes=mistakes)
        key = mistakes.of(_read_word, found["model"], "model", KEY_LENGTH)
        mistakes.of(_read_primary, found.get("primary", False))
        dimensions = mistakes.of(_read_dimensions, found["dimensions"])
        names = [dimension.name for dimension in dimensions] if dimensions else list(found["dimensions"] or ())
        model = cls(
            key=key,
            name=mistakes.of(_read_word, found["name"], "name", NAME_LENGTH) if "name" in found else key,
            goal=mistakes.of(read_text, found["goal"], "goal") if "goal" in found else "",
            timezone=mistakes.of(_read_timezone, found["timezone"]) if "timezone" in found else "",
            dimensions=dimensions,
            total=mistakes.of(_read_total, found.get("total", {})),
            rules=mistakes.of(_read_rules, found["rules"], names),
            temperature=mistakes.of(_read_temperature, found["temperature"]) if "temperature" in found else None,
            grade=mistakes.of(_read_grade, found["grade"], names) if "grade" in found else None,
            interest_grade=mistakes.of(_read_interest_grade, found, names) if "interest_grade" in found else None,
        )
        mistakes.tell()
        return model


def _read_primary(found: Any) -> None:
    if not isinstance(found, bool):
        raise DocumentError("primary", gettext("%(value)r is neither true nor false") % {"value": found})


def _read_word(found: Any, place: str, longest: int) -> str:
    word = read_text(found, place)
    if len(word) > longest:
        raise DocumentError(
            place,
            gettext("%(value)r… has %(count)s characters") % {"value": word[:20], "count": len(word)},
            gettext("at most %(longest)s") % {"longest": longest},
        )
    return word


def _read_timezone(found: Any) -> str:
    if read_text(found, "timezone") not in time_zones():
        raise DocumentError(
            "timezone",
            gettext("no time zone %(value)r") % {"value": found},
            gettext("an IANA name such as Europe/Madrid"),
        )
    return str(found)


def _read_figure(found: Any, place: str) -> float:
    number = read_number(found, place)
    if number and not SMALLEST <= abs(number) <= GREATEST:
        raise DocumentError(
            place,
            gettext("%(value)r is out of range") % {"value": found},
            gettext("0, or 0.000000001 to 1,000,000,000 in size"),
        )
    return number


def _read_bounds(found: Mapping[str, Any], place: str) -> Bounds:
    ends = [end for end in ("min", "max") if end in found]
    bounds = Bounds(**{end: _read_figure(found[end], f"{place}.{end}") for end in ends})
    if bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
        raise DocumentError(
            place, gettext("min %(min)s is above max %(max)s") % {"min": found["min"], "max": found["max"]}
        )
    return bounds


def _read_dimensions(found: Any) -> tuple[Dimension, ...]:
    if not isinstance(found, Mapping) or not found:
        raise DocumentError(
            "dimensions", gettext("at least one is needed, not %(value)r") % {"value": found}, "{interest: {max: 60}}"
        )
    if len(found) > DIMENSIONS_LIMIT:
        raise DocumentError(
            "dimensions",
            gettext("there are %(count)s") % {"count": len(found)},
            gettext("at most %(most)s") % {"most": DIMENSIONS_LIMIT},
        )
    mistakes = Mistakes()
    dimensions = tuple(mistakes.of(_read_dimension_of, name, settings) for name, settings in found.items())
    mistakes.tell()
    return dimensions


def _read_dimension_of(name: Any, settings: Any) -> Dimension:
    place = f"dimensions.{name}"
    _read_word(name, "dimensions", KEY_LENGTH)
    given = check_keys(settings, allowed=("min", "max", "weight"), place=place)
    weight = _read_figure(given.get("weight", 1), f"{place}.weight")
    return Dimension(name, _read_bounds(given, place), weight)


def _read_total(found: Any) -> Bounds:
    return _read_bounds(check_keys(found, allowed=("min", "max"), place="total"), "total")


def _read_rules(found: Any, dimensions: Sequence[str]) -> tuple[Rule, ...]:
    mistakes = Mistakes()
    listed = enumerate(read_list(found, "rules"))
    rules = [mistakes.of(_read_rule, each, dimensions, f"rules[{number}]") for number, each in listed]
    keys = [rule.key if rule else None for rule in rules]
    for number, key in enumerate(keys):
        if key is not None and key in keys[:number]:
            words, hint = gettext("`%(key)s` is given twice") % {"key": key}, gettext("each rule has a key of its own")
            mistakes.errors.append(DocumentError(f"rules[{number}].key", words, hint))
    mistakes.tell()
    parts = len(rules) + sum(1 for rule in rules for _ in conditions_of(rule.when))
    if parts > PARTS_LIMIT:
        raise DocumentError(
            "rules",
            gettext("rules and their conditions are %(parts)s") % {"parts": parts},
            gettext("at most %(most)s") % {"most": PARTS_LIMIT},
        )
    return tuple(rules)


def _read_rule(found: Any, dimensions: Sequence[str], place: str) -> Rule:
    mistakes = Mistakes()
    needed = ("key", "when", "points")
    given = check_keys(found, allowed=RULE_KEYS, required=needed, place=place, mistakes=mistakes)
    rule = Rule(
        key=mistakes.of(_read_word, given["key"], f"{place}.key", KEY_LENGTH),
        name=mistakes.of(_read_name, given["name"], f"{place}.name") if "name" in given else {},
        dimension=mistakes.of(_read_dimension, given, dimensions, place),
        when=mistakes.of(_read_when, given["when"], f"{place}.when"),
        points=mistakes.of(_read_figure, given["points"], f"{place}.points"),
        bounds=mistakes.of(_read_rule_bounds, given, place),
    )
    mistakes.tell()
    if rule.event:
        return replace(rule, **_read_event_rule(given, rule.event, place))
    for key in EVENT_RULE_KEYS:
        if key in given:
            hint = gettext("in a tree each event has its own within_days") if key == "window_days" else ""
            raise DocumentError(
                f"{place}.{key}", gettext("`%(key)s` needs a `when` that is one bare event") % {"key": key}, hint
            )
    return rule


def _read_name(found: Any, place: str) -> Mapping[str, str]:
    """One text for every language, or one a language."""
    if isinstance(found, str):
        return dict.fromkeys(LANGUAGES, read_text(found, place))
    names = check_keys(found, allowed=LANGUAGES, required=LANGUAGES, place=place)
    return {language: read_text(text, f"{place}.{language}") for language, text in names.items()}


def _read_dimension(given: Mapping[str, Any], dimensions: Sequence[str], place: str) -> str:
    if "dimension" not in given:
        if len(dimensions) == 1:
            return dimensions[0]
        raise DocumentError(
            place,
            gettext("`dimension` is missing"),
            gettext("this model has %(listed)s") % {"listed": ", ".join(dimensions)},
        )
    return _known_dimension(given["dimension"], dimensions, f"{place}.dimension")


def _known_dimension(found: Any, dimensions: Sequence[str], place: str) -> str:
    if found not in dimensions:
        raise DocumentError(place, gettext("no dimension `%(found)s`") % {"found": found}, nearest(found, dimensions))
    return str(found)


def _read_when(found: Any, place: str) -> Node:
    """A score depends on attributes and events and on nothing else, so that it can be computed for any instant."""
    when = parse(found, place=place)
    for condition in conditions_of(when):
        if not condition.reads_files:
            hint = gettext("rules ask for attributes, tags and events")
            raise DocumentError(
                place, gettext("a scoring rule cannot ask for `%(kind)s`") % {"kind": condition.kind}, hint
            )
        if isinstance(condition, EventHappened) and condition.event == "score":
            problem = gettext("a scoring rule cannot ask for `score` events: they are what models say")
            raise DocumentError(place, problem, gettext("rules ask for attributes, tags and events of people"))
    compile_predicate(when, Context(personas=AnyPersona()))  # names a `since`, which only workflows have
    return when


def _read_rule_bounds(given: Mapping[str, Any], place: str) -> Bounds:
    bounds = _read_bounds(given, place)
    if (bounds.min or 0) > 0:
        raise DocumentError(
            f"{place}.min", gettext("%(min)s is above 0") % {"min": given["min"]}, gettext("min is 0 or less")
        )
    if (bounds.max or 0) < 0:
        raise DocumentError(
            f"{place}.max", gettext("%(max)s is below 0") % {"max": given["max"]}, gettext("max is 0 or more")
        )
    return bounds


def _read_event_rule(given: Mapping[str, Any], event: EventHappened, place: str) -> dict[str, Any]:
    """The settings that only bare event rules have."""
    if event.within_days is not None:
        problem = gettext("a bare event rule has its window in the rule")
        raise DocumentError(f"{place}.when.within_days", problem, gettext("write window_days beside `when`"))
    count = given.get("count", "once" if event.is_counted else "each")
    if count not in COUNTS:
        raise DocumentError(
            f"{place}.count", gettext("no way to count `%(count)s`") % {"count": count}, nearest(count, COUNTS)
        )
    if (count == "per_distinct") != ("distinct" in given):
        raise DocumentError(
            place, gettext("`count: per_distinct` and `distinct` belong together"), gettext("distinct: asset")
        )
    days = given.get("window_days")
    return {
        "count": count,
        "distinct": read_path(given["distinct"], f"{place}.distinct") if "distinct" in given else (),
        "window_days": read_days(days, f"{place}.window_days") if "window_days" in given else None,
        "ageing": _read_ageing(given["ageing"], f"{place}.ageing") if "ageing" in given else None,
    }


def _read_ageing(found: Any, place: str) -> Ageing:
    ways = ("half_life_days", "linear_days", "expires_days")
    given = check_keys(found, allowed=ways, place=place)
    if len(given) != 1:
        raise DocumentError(
            place, gettext("exactly one way is needed, not %(count)s") % {"count": len(given)}, " or ".join(ways)
        )
    way, days = next(iter(given.items()))
    read_days(days, f"{place}.{way}")
    return Ageing(way.removesuffix("_days"), _read_figure(days, f"{place}.{way}"))


def _read_temperature(found: Any) -> Temperature:
    given = check_keys(found, allowed=("warm", "hot", "hysteresis"), required=("warm", "hot"), place="temperature")
    figures = {key: _read_figure(value, f"temperature.{key}") for key, value in given.items()}
    temperature = Temperature(**{"hysteresis": 0.0, **figures})
    if temperature.warm > temperature.hot:
        raise DocumentError(
            "temperature", gettext("warm %(warm)s is above hot %(hot)s") % {"warm": given["warm"], "hot": given["hot"]}
        )
    if temperature.hysteresis < 0:
        raise DocumentError(
            "temperature.hysteresis", gettext("%(hysteresis)s is below 0") % {"hysteresis": given["hysteresis"]}
        )
    return temperature


def _read_grade(found: Any, dimensions: Sequence[str]) -> Grade:
    return Grade(*_read_limits(found, LETTERS, dimensions, "grade"), LAST_LETTER)


def _read_interest_grade(model: Mapping[str, Any], dimensions: Sequence[str]) -> Grade:
    """YAML reads the key 1 as a number, JSON has it as text."""
    place, found = "interest_grade", model["interest_grade"]
    if "grade" not in model:
        raise DocumentError(
            place, gettext("it needs `grade` beside it"), gettext("`grade` gives the letter of A1, and this its number")
        )
    if isinstance(found, Mapping):
        named = [str(key) for key in found]
        if twice := [key for key in NUMBERS if named.count(key) > 1]:
            raise DocumentError(place, gettext("`%(key)s` is given twice") % {"key": twice[0]})
        found = dict(zip(named, found.values(), strict=True))
    return Grade(*_read_limits(found, NUMBERS, dimensions, place), LAST_NUMBER)


def _read_limits(
    found: Any, steps: Sequence[str], dimensions: Sequence[str], place: str
) -> tuple[str, dict[str, float]]:
    """(dimension, {step: limit})"""
    given = check_keys(found, allowed=("dimension", *steps), required=steps, place=place)
    limits = {step: _read_figure(given[step], f"{place}.{step}") for step in steps}
    if sorted(limits.values(), reverse=True) != list(limits.values()):
        first, second, third = steps
        raise DocumentError(
            place,
            gettext("the limits of %(first)s, %(second)s and %(third)s must fall")
            % {"first": first, "second": second, "third": third},
            f"{{{first}: 30, {second}: 20, {third}: 10}}",
        )
    return _read_dimension(given, dimensions, place), limits
