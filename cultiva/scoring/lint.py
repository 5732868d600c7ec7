"""What of a model probably does not do what its author means: nothing here stops it from being published."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil, inf

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cultiva.criteria.checking import check
from cultiva.criteria.conditions.event import ANY, RECORDS, EventHappened
from cultiva.criteria.language import Node, placed_conditions
from cultiva.criteria.words import operand_words
from cultiva.events.seen import MOST_PROPERTIES, OTHERS, names_seen, properties_seen
from cultiva.lib.languages import reader_language
from cultiva.scoring.implying import implies
from cultiva.scoring.model import Bounds, Dimension, Grade, Rule, ScoringModel
from cultiva.segments.counting import SAMPLE, estimate

UNKNOWN, NEVER_SEEN, NOBODY = "unknown", "never_seen", "nobody"
TWICE, OVERLAP = "twice", "overlap"
UNREACHABLE, ALWAYS, NO_EFFECT, CUT, ENDLESS = "unreachable", "always", "no_effect", "cut", "endless"
HOLD_WITHOUT = ("is_empty", "is_not", "none_of", "does_not_contain")  # of a property that is not there
Range = tuple[float, float]  # the least and the greatest that can be


@dataclass(frozen=True)
class Fault:
    """`place` as in `rules[2].when`; `kind` is one of the words above; what is wrong, and the way out."""

    place: str
    kind: str
    message: str
    hint: str


def find_faults(model: ScoringModel, *, workspace_id: int, at: datetime) -> list[Fault]:
    """What the document itself says and what the workspace has seen by `at`; in the reader's language."""
    return [*faults_of(model), *_of_workspace(model, workspace_id, at)]


def faults_of(model: ScoringModel) -> list[Fault]:
    """What the document says without any workspace, in its order; in the reader's language."""
    return [*_of_rules(model), *_overlaps(model), *_of_dimensions(model), *_of_bands(model)]


def range_of(model: ScoringModel) -> tuple[Mapping[str, Range], Range]:
    """({dimension: what its value can be}, what the total can be): nothing lies outside, not all inside is reached."""
    inner = {each.name: _clamped(_sum_of(model, each), each.bounds) for each in model.dimensions}
    return inner, _clamped(_weighted(model, inner), model.total)


def _weighted(model: ScoringModel, inner: Mapping[str, Range]) -> Range:
    weighted = [_times(inner[each.name], each.weight) for each in model.dimensions]
    return sum(low for low, _high in weighted), sum(high for _low, high in weighted)


def _of_rules(model: ScoringModel) -> Iterator[Fault]:
    for number, rule in enumerate(model.rules):
        place, (low, high) = f"rules[{number}]", _range_of(rule)
        if rule.points == 0:
            yield Fault(
                f"{place}.points", NO_EFFECT, _("0 points never change a score"), _("give points, or remove it")
            )
        elif low == high == 0:
            yield Fault(place, NO_EFFECT, _("its limits cut all its points away"), _("raise its limit"))
        elif rule.bounds.max is not None and rule.points > rule.bounds.max:
            yield _cut(f"{place}.max", rule.points, rule.bounds.max)
        elif rule.bounds.min is not None and rule.points < rule.bounds.min:
            yield _cut(f"{place}.min", rule.points, rule.bounds.min)
        if rule.event:
            yield from _of_ageing(rule, place)


def _cut(place: str, points: float, limit: float) -> Fault:
    words = _("of its %(points)s points no more than %(limit)s ever count")
    hint = _("write the points that are meant, or another limit")
    return Fault(place, CUT, words % {"points": _number(points), "limit": _number(limit)}, hint)


def _of_ageing(rule: Rule, place: str) -> Iterator[Fault]:
    ageing, window = rule.ageing, rule.window_days
    if ageing and ageing.kind == "expires" and window is not None and window <= ageing.days:
        words = _("the window of %(window)s days ends first, so the points never expire by age")
        yield Fault(
            f"{place}.ageing", NO_EFFECT, words % {"window": _number(window)}, _("keep one of the two"),
        )  # fmt: skip
    asks_for_none = rule.event is not None and rule.event.times is not None and rule.event.times.is_never
    if rule.points <= 0 or window is not None or asks_for_none:
        return
    if ageing is None:
        words = _("its points stay for ever, however long nothing more happens")
        yield Fault(place, ENDLESS, words, _("if that is not meant: window_days, or ageing"))
    elif ageing.kind == "half_life":
        words = _("its points get ever smaller and never end")
        yield Fault(f"{place}.ageing", ENDLESS, words, _("window_days beside it ends them"))


def _overlaps(model: ScoringModel) -> Iterator[Fault]:
    for number, rule in enumerate(model.rules):
        for other_number, other in enumerate(model.rules):
            if other is rule or other.dimension != rule.dimension or rule.points * other.points <= 0:
                continue
            mine, theirs = asked(rule), asked(other)
            both_ways = implies(mine, theirs) and implies(theirs, mine)
            words = {"other": f"rules[{other_number}]", "key": other.key}
            if both_ways and other_number < number:
                said = _("it asks for the same as %(other)s (`%(key)s`): both give points for one thing")
                yield Fault(f"rules[{number}].when", TWICE, said % words, _("keep one of the two"))
            elif not both_ways and implies(mine, theirs):
                said = _("who meets it meets %(other)s (`%(key)s`) as well, and gets the points of both")
                hint = _("if only one of them is meant to count: take the narrower one out of the wider one by `not`")
                yield Fault(f"rules[{number}].when", OVERLAP, said % words, hint)


def asked(rule: Rule) -> Node:
    """What must hold for a rule to give points; its window is the event's."""
    return replace(rule.event, within_days=rule.window_days) if rule.event else rule.when


def _of_dimensions(model: ScoringModel) -> Iterator[Fault]:
    graded = {grade.dimension for grade in (model.grade, model.interest_grade) if grade}
    used = {rule.dimension for rule in model.rules}
    for each in model.dimensions:
        place, (low, high) = f"dimensions.{each.name}", _clamped(_sum_of(model, each), each.bounds)
        if each.name not in used:
            yield Fault(place, NO_EFFECT, _("no rule gives points in it"), _("add a rule, or remove the dimension"))
        elif low == high:
            said = _("it is always %(value)s, whatever anybody does") % {"value": _number(low)}
            yield Fault(place, NO_EFFECT, said, _("give its limits more room"))
        elif each.weight == 0 and each.name not in graded:
            said = _("it weighs 0 in the total, and no grade reads it")
            yield Fault(f"{place}.weight", NO_EFFECT, said, _("give it a weight, or remove the dimension"))
    inner, (low, high) = range_of(model)
    least, most = _weighted(model, inner)
    if least < most and low == high:
        said = _("it is always %(value)s, whatever anybody does") % {"value": _number(low)}
        yield Fault("total", NO_EFFECT, said, _("give its limits more room"))


def _of_bands(model: ScoringModel) -> Iterator[Fault]:
    inner, total = range_of(model)
    if model.temperature:
        limits = {"warm": model.temperature.warm, "hot": model.temperature.hot}
        yield from _of_limits("temperature", limits, total, _("the total"))
    for place, grade in (("grade", model.grade), ("interest_grade", model.interest_grade)):
        if grade:
            yield from _of_grade(place, grade, inner[grade.dimension])


def _of_grade(place: str, grade: Grade, reached: Range) -> Iterator[Fault]:
    yield from _of_limits(place, grade.limits, reached, f"`{grade.dimension}`")


def _of_limits(place: str, limits: Mapping[str, float], reached: Range, what: str) -> Iterator[Fault]:
    low, high = reached
    for name, limit in limits.items():
        words = {"what": what, "limit": _number(limit), "high": _number(high), "low": _number(low)}
        if high < limit:
            said = _("nobody can reach %(limit)s: %(what)s is %(high)s at most") % words
            yield Fault(f"{place}.{name}", UNREACHABLE, said, _("lower the threshold, or raise points or limits"))
        elif low >= limit:
            said = _("everybody reaches %(limit)s: %(what)s is %(low)s at least") % words
            yield Fault(f"{place}.{name}", ALWAYS, said, _("raise the threshold"))


def _sum_of(model: ScoringModel, dimension: Dimension) -> Range:
    ranges = [_range_of(rule) for rule in model.rules if rule.dimension == dimension.name]
    return sum(low for low, _high in ranges), sum(high for _low, high in ranges)


def _range_of(rule: Rule) -> Range:
    most = rule.points * _most_times(rule) if rule.points else 0
    return _clamped((min(0, most), max(0, most)), rule.bounds)


def _most_times(rule: Rule) -> float:
    """By how much points can be multiplied."""
    if rule.count not in ("each", "per_day", "per_distinct"):
        return 1
    times = rule.event.times if rule.event and rule.event.figure.kind == "count" else None
    counts = [number for number in (times.at_most, times.exactly) if number is not None] if times else []
    if rule.count == "per_day" and rule.window_days is not None:
        counts.append(ceil(rule.window_days) + 2)  # a window touches a day at either end, and clocks change
    return min(counts, default=inf)


def _clamped(found: Range, bounds: Bounds) -> Range:
    low, high = found
    least, most = (-inf if bounds.min is None else bounds.min), (inf if bounds.max is None else bounds.max)
    return min(max(low, least), most), min(max(high, least), most)


def _times(found: Range, weight: float) -> Range:
    ends = sorted(end * weight if weight else 0 for end in found)
    return ends[0], ends[1]


def _of_workspace(model: ScoringModel, workspace_id: int, at: datetime) -> Iterator[Fault]:
    seen = _Seen(workspace_id)
    for number, rule in enumerate(model.rules):
        place = f"rules[{number}].when"
        found = [
            *(_unknown(each.place, each.problem, each.hint) for each in check(
                rule.when, workspace_id=workspace_id, place=place)),
            *(fault for where, each in placed_conditions(rule.when, place)
              if isinstance(each, EventHappened) for fault in _of_event(each, where, seen)),
        ]  # fmt: skip
        yield from _without_twins(found)
        if not found:
            yield from _of_sample(rule, place, workspace_id, at)


def _without_twins(found: list[Fault]) -> Iterator[Fault]:
    """An event that is unknown was never seen either: said once."""
    unknown = [fault.place for fault in found if fault.kind == UNKNOWN]
    for fault in found:
        if fault.kind == UNKNOWN or fault.place not in unknown:
            yield fault


def _unknown(place: str, problem: str, hint: str) -> Fault:
    return Fault(place, UNKNOWN, problem, hint)


class _Seen:
    """What has come in, asked for once: names, and properties of a name."""

    def __init__(self, workspace_id: int) -> None:
        self.workspace_id = workspace_id
        rows = names_seen(workspace_id=workspace_id)
        self.names = {each.name if each.kind == "track" else each.kind for each in rows}
        self.is_whole = OTHERS not in {each.name for each in rows if each.kind == "track"}
        self._properties: dict[str, set[str] | None] = {}

    def properties(self, event: str) -> set[str] | None:
        """None where not all of them are kept."""
        if event not in self._properties:
            rows = properties_seen(workspace_id=self.workspace_id, name=event)
            names = {each.property for each in rows}
            is_whole = len(rows) < MOST_PROPERTIES and OTHERS not in names
            self._properties[event] = names if is_whole else None
        return self._properties[event]


def _of_event(event: EventHappened, place: str, seen: _Seen) -> Iterator[Fault]:
    if event.event == ANY or event.event in RECORDS or not seen.is_whole:
        return
    if event.event not in seen.names:
        said = _("no event `%(event)s` has come in yet") % {"event": event.event}
        hint = _("it begins to count when one does; check how your site writes the name")
        yield Fault(f"{place}.event", NEVER_SEEN, said, hint)
        return
    if event.event in ("page", "screen"):
        return  # their events are kept by names of their own
    properties = seen.properties(event.event)
    for number, test in enumerate(event.where):
        if properties is None or test.path[0] in properties or test.comparison.operator in HOLD_WITHOUT:
            continue
        said = _("no `%(event)s` has carried the property `%(property)s` yet")
        words = {"event": event.event, "property": test.path[0]}
        hint = _("it has carried: %(listed)s") % {"listed": ", ".join(sorted(properties)) or _("none")}
        yield Fault(f"{place}.where[{number}].property", NEVER_SEEN, said % words, hint)


def _of_sample(rule: Rule, place: str, workspace_id: int, at: datetime) -> Iterator[Fault]:
    found = estimate(workspace_id=workspace_id, node=asked(rule), at=at)
    if found.count or not found.of:
        return
    hint = _("it may begin to hold later; if not, check the values it asks for")
    if found.margin:
        said = _("in a sample of about %(leads)s leads nobody meets it: it may hold for nobody")
        yield Fault(place, NOBODY, said % {"leads": SAMPLE}, hint)
        return
    said = ngettext(
        "%(leads)d lead is there, and meets it not", "%(leads)d leads are there, and none of them meets it", found.of
    )
    yield Fault(place, NOBODY, said % {"leads": found.of}, hint)


def _number(number: float) -> str:
    return operand_words(float(number), reader_language())
