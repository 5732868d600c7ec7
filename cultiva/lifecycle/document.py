"""The lifecycle document: stages in their order, and the guarded transitions between them."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language, gettext

from cultiva.criteria.language import Context, Node, compile_predicate, parse
from cultiva.criteria.personas import AnyPersona
from cultiva.criteria.reading import read_list
from cultiva.lib.documents import DocumentError, Mistakes, check_keys, nearest
from cultiva.lib.zones import time_zones

# Every new lead stands here: `leads` writes this word before any lifecycle is published.
START = "lead"
LANGUAGES = ("es", "en")
STAGE_KEY_LENGTH = 40  # lead_state.stage


@dataclass(frozen=True)
class Stage:
    key: str
    label: Mapping[str, str]  # {language: words}
    is_aside: bool  # beside the ladder, such as `disqualified`

    def label_in(self, language: str = "") -> str:
        """In a language of LANGUAGES; empty: the one this request speaks."""
        return self.label[language or ("es" if (get_language() or "").startswith("es") else "en")]


@dataclass(frozen=True)
class Transition:
    key: str
    from_stages: tuple[str, ...]
    to_stage: str
    when: Node


@dataclass(frozen=True)
class Lifecycle:
    key: str
    name: str
    timezone: str  # empty: the workspace's
    stages: tuple[Stage, ...]
    transitions: tuple[Transition, ...]

    @property
    def stage_keys(self) -> list[str]:
        return [stage.key for stage in self.stages]

    @property
    def ladder(self) -> list[str]:
        """The stages in their order, without those aside."""
        return [stage.key for stage in self.stages if not stage.is_aside]

    def unreachable_stages(self) -> list[str]:
        """Stages that no chain of transitions leads to: only staff can put a lead there. A warning."""
        reached, waiting = {START}, deque([START])
        while waiting:
            stage = waiting.popleft()
            for transition in self.transitions:
                if stage in transition.from_stages and transition.to_stage not in reached:
                    reached.add(transition.to_stage)
                    waiting.append(transition.to_stage)
        return [key for key in self.stage_keys if key not in reached]


def read_lifecycle(found: Any) -> Lifecycle:
    """The lifecycle in a document as `lib.documents.read_document` gives it; raises DocumentError."""
    mistakes = Mistakes()
    found = check_keys(
        found,
        allowed=("lifecycle", "name", "timezone", "stages", "start", "transitions"),
        required=("lifecycle", "stages"),
        place="lifecycle",
        mistakes=mistakes,
    )
    key = mistakes.of(_word, found["lifecycle"], place="lifecycle")
    timezone = mistakes.of(_read_timezone, found.get("timezone", ""))
    stages = mistakes.of(_read_stages, found["stages"])
    if stages:
        mistakes.of(_check_start, found.get("start", START), stages)
        keys = [stage.key for stage in stages]
        transitions = mistakes.of(_read_transitions, found.get("transitions", []), keys)
    mistakes.tell()
    return Lifecycle(
        key=key, name=str(found.get("name") or key), timezone=timezone, stages=stages, transitions=transitions
    )


def _check_start(start: Any, stages: Sequence[Stage]) -> None:
    if start != START:
        raise DocumentError(
            "start",
            gettext("%(value)r cannot be the start") % {"value": start},
            gettext("every new lead stands at `%(start)s`") % {"start": START},
        )
    _check_stage(START, [stage.key for stage in stages if not stage.is_aside], place="start")


def _read_stages(found: Any) -> tuple[Stage, ...]:
    mistakes = Mistakes()
    listed = enumerate(read_list(found, "stages"))
    stages = tuple(mistakes.of(_read_stage, each, f"stages[{number}]") for number, each in listed)
    mistakes.tell()
    _refuse_twice([stage.key for stage in stages], place="stages")
    return stages


def _read_stage(found: Any, place: str) -> Stage:
    given = check_keys(found, allowed=("key", "label", "aside"), required=("key",), place=place)
    key = _word(given["key"], place=f"{place}.key", longest=STAGE_KEY_LENGTH)
    if not isinstance(is_aside := given.get("aside", False), bool):
        raise DocumentError(f"{place}.aside", gettext("%(value)r is neither true nor false") % {"value": is_aside})
    return Stage(key, _read_label(given.get("label", key), place=f"{place}.label"), is_aside)


def _read_label(found: Any, *, place: str) -> Mapping[str, str]:
    """One text for every language, or one a language."""
    if isinstance(found, str):
        return dict.fromkeys(LANGUAGES, found)
    labels = check_keys(found, allowed=LANGUAGES, required=LANGUAGES, place=place)
    for language, text in labels.items():
        if not isinstance(text, str) or not text:
            raise DocumentError(f"{place}.{language}", gettext("a text is needed, not %(value)r") % {"value": text})
    return labels


def _read_transitions(found: Any, stages: list[str]) -> tuple[Transition, ...]:
    listed = [] if found == [] else read_list(found, "transitions")  # none: staff moves every lead
    mistakes = Mistakes()
    transitions = tuple(
        mistakes.of(_read_transition, each, stages, f"transitions[{number}]") for number, each in enumerate(listed)
    )
    mistakes.tell()
    _refuse_twice([transition.key for transition in transitions], place="transitions")
    return transitions


def _read_transition(found: Any, stages: list[str], place: str) -> Transition:
    keys = ("key", "from", "to", "when")
    mistakes = Mistakes()
    given = check_keys(found, allowed=keys, required=keys, place=place, mistakes=mistakes)
    from_stages = given["from"] if isinstance(given["from"], list) else [given["from"]]
    if not from_stages:
        words, hint = gettext("an empty list leads nowhere"), gettext("name at least one stage")
        mistakes.errors.append(DocumentError(f"{place}.from", words, hint))
    for stage in (*from_stages, given["to"]):
        mistakes.of(_check_stage, stage, stages, place=place)
    if given["to"] in from_stages:
        words = gettext("it leads from `%(to)s` to itself") % {"to": given["to"]}
        mistakes.errors.append(DocumentError(place, words))
    key = mistakes.of(_word, given["key"], place=f"{place}.key")
    when = mistakes.of(_read_guard, given["when"], place=f"{place}.when")
    mistakes.tell()
    return Transition(key=key, from_stages=tuple(from_stages), to_stage=given["to"], when=when)


def _read_guard(found: Any, *, place: str) -> Node:
    guard = parse(found, place=place)
    compile_predicate(guard, Context(personas=AnyPersona()))  # refuses what only workflows offer: `since`
    return guard


def _read_timezone(found: Any) -> str:
    if not isinstance(found, str) or (found and found not in time_zones()):
        raise DocumentError(
            "timezone",
            gettext("no time zone %(value)r") % {"value": found},
            gettext("an IANA name such as Europe/Madrid"),
        )
    return found


def _word(found: Any, *, place: str, longest: int = 80) -> str:
    if isinstance(found, str) and 0 < len(found) <= longest:
        return found
    raise DocumentError(
        place,
        gettext("a word of 1 to %(longest)s letters is needed, not %(found)r") % {"longest": longest, "found": found},
    )


def _check_stage(word: Any, known: list[str], *, place: str) -> None:
    if word not in known:
        raise DocumentError(place, gettext("no stage `%(word)s`") % {"word": word}, nearest(word, known))


def _refuse_twice(keys: list[str], *, place: str) -> None:
    for key in keys:
        if keys.count(key) > 1:
            raise DocumentError(
                place, gettext("`%(key)s` is given twice") % {"key": key}, gettext("every key stands once")
            )
