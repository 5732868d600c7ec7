"""What changed between two versions of a model, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from cultiva.criteria.language import say
from cultiva.criteria.words import days_words, operand_words
from cultiva.lib.languages import reader_language
from cultiva.scoring.model import Ageing, Bounds, Dimension, Grade, Rule, ScoringModel, Temperature


def differences(before: ScoringModel, after: ScoringModel) -> list[str]:
    """One sentence a change, in the reader's language: the model itself, dimensions, rules, bands. Empty: equal.

    Rules and dimensions are the same by their keys; their order gives no points and is no difference.
    """
    return [
        *_of_model(before, after),
        *_of_dimensions(before, after),
        *_of_bounds(before.total, after.total, _("The total")),
        *_of_rules(before, after),
        *_of_temperature(before.temperature, after.temperature),
        *_of_grade(before.grade, after.grade, _("the grade by letter")),
        *_of_grade(before.interest_grade, after.interest_grade, _("the grade by number")),
    ]


def _changed(what: str, before: str, after: str) -> Iterator[str]:
    if before != after:
        yield _("%(what)s: %(before)s → %(after)s.") % {"what": what, "before": before, "after": after}


def _of_model(before: ScoringModel, after: ScoringModel) -> Iterator[str]:
    none = _("none")
    yield from _changed(_("The name of the model"), before.name, after.name)
    yield from _changed(_("The goal"), before.goal or none, after.goal or none)
    own = _("the workspace's")
    yield from _changed(_("The time zone"), before.timezone or own, after.timezone or own)


def _of_dimensions(before: ScoringModel, after: ScoringModel) -> Iterator[str]:
    old: Mapping[str, Dimension] = {each.name: each for each in before.dimensions}
    new: Mapping[str, Dimension] = {each.name: each for each in after.dimensions}
    for name in [name for name in new if name not in old]:
        yield _("New dimension “%(name)s”.") % {"name": name}
    for name in [name for name in old if name not in new]:
        yield _("The dimension “%(name)s” is gone.") % {"name": name}
    for name in [name for name in new if name in old]:
        what = _("The dimension “%(name)s”") % {"name": name}
        weight = _("%(what)s, weight") % {"what": what}
        yield from _changed(weight, _number(old[name].weight), _number(new[name].weight))
        yield from _of_bounds(old[name].bounds, new[name].bounds, what)


def _of_bounds(before: Bounds, after: Bounds, what: str) -> Iterator[str]:
    yield from _changed(_("%(what)s, at least") % {"what": what}, _limit(before.min), _limit(after.min))
    yield from _changed(_("%(what)s, at most") % {"what": what}, _limit(before.max), _limit(after.max))


def _of_rules(before: ScoringModel, after: ScoringModel) -> Iterator[str]:
    old, new = ({rule.key: rule for rule in model.rules} for model in (before, after))
    for rule in [rule for key, rule in new.items() if key not in old]:
        words = {"rule": _words(rule), "points": _number(rule.points), "dimension": rule.dimension}
        yield _("New rule “%(rule)s”: %(points)s points in “%(dimension)s”.") % words
    for rule in [rule for key, rule in old.items() if key not in new]:
        yield _("The rule “%(rule)s” is gone: it gave %(points)s points.") % {
            "rule": _words(rule), "points": _number(rule.points),
        }  # fmt: skip
    for key in [key for key in new if key in old]:
        yield from _of_rule(old[key], new[key])


def _of_rule(before: Rule, after: Rule) -> Iterator[str]:
    named = _("The rule “%(rule)s”") % {"rule": _words(before)}

    def part(name: str, was: str, is_now: str) -> Iterator[str]:
        return _changed(f"{named}, {name}", was, is_now)

    language = reader_language()
    if before.name.get(language) != after.name.get(language):
        yield from part(_("its name"), _words(before), _words(after))
    yield from part(_("points"), _number(before.points), _number(after.points))
    yield from part(_("dimension"), before.dimension, after.dimension)
    if before.when != after.when:
        was, is_now = say(before.when, language), say(after.when, language)
        if was == is_now:
            yield _("%(rule)s asks for something else, by a detail that its words leave out.") % {"rule": named}
        yield from part(_("what it asks for"), was, is_now)
    yield from part(_("what counts"), _counted(before), _counted(after))
    yield from part(_("looks back"), _window(before), _window(after))
    yield from part(_("ageing"), _ageing(before.ageing), _ageing(after.ageing))
    yield from _of_bounds(before.bounds, after.bounds, named)


def _of_temperature(before: Temperature | None, after: Temperature | None) -> Iterator[str]:
    if before and not after:
        yield _("The model no longer tells cold, warm and hot apart.")
    if after and not before:
        yield _("The model now tells cold, warm and hot apart: warm from %(warm)s, hot from %(hot)s.") % {
            "warm": _number(after.warm), "hot": _number(after.hot),
        }  # fmt: skip
    if before and after:
        yield from _changed(_("Warm from"), _number(before.warm), _number(after.warm))
        yield from _changed(_("Hot from"), _number(before.hot), _number(after.hot))
        yield from _changed(_("Margin to leave a band"), _number(before.hysteresis), _number(after.hysteresis))


def _of_grade(before: Grade | None, after: Grade | None, what: str) -> Iterator[str]:
    if before and not after:
        yield _("The model no longer gives %(grade)s.") % {"grade": what}
    if after and not before:
        limits = ", ".join(f"{step} {_number(limit)}" for step, limit in after.limits.items())
        yield _("The model now gives %(grade)s, by “%(dimension)s”: %(limits)s.") % {
            "grade": what, "dimension": after.dimension, "limits": limits,
        }  # fmt: skip
    if before and after:
        head = what[:1].upper() + what[1:]
        yield from _changed(_("%(what)s, read from") % {"what": head}, before.dimension, after.dimension)
        for step, limit in after.limits.items():
            words = _("%(what)s, %(step)s from") % {"what": head, "step": step}
            yield from _changed(words, _number(before.limits[step]), _number(limit))


def _words(rule: Rule) -> str:
    return rule.words(reader_language())


def _number(number: float) -> str:
    return operand_words(float(number), reader_language())


def _limit(limit: float | None) -> str:
    return _("no limit") if limit is None else _number(limit)


def _days(days: float) -> str:
    return days_words(float(days), reader_language())


def _window(rule: Rule) -> str:
    return _("for ever") if rule.window_days is None else _days(rule.window_days)


def _ageing(ageing: Ageing | None) -> str:
    if ageing is None:
        return _("none")
    ways: Any = {
        "half_life": _("half the points are left after %(days)s"),
        "linear": _("the points fall evenly to 0 in %(days)s"),
        "expires": _("the points end after %(days)s"),
    }
    return str(ways[ageing.kind] % {"days": _days(ageing.days)})


def _counted(rule: Rule) -> str:
    ways = {
        "": _("whether it holds"),
        "each": _("each time"),
        "once": _("once"),
        "last": _("the last time"),
        "per_day": _("once a day"),
        "per_distinct": _("once for each different %(property)s") % {"property": ".".join(rule.distinct)},
    }
    return ways[rule.count]
