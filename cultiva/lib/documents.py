"""Reading documents that people write: YAML 1.2 core (or JSON, which is YAML), with errors that say where."""

import difflib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast

from django.forms import BaseForm
from django.utils.translation import gettext
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from cultiva.lib.refusals import Refusal

MOST_LISTED = 40
Found = TypeVar("Found")


class DocumentError(Refusal):
    """A document that cannot be used: the place in it, what is wrong, the way out."""

    waits_for_others = False  # a document that is not there yet may cure it

    def __init__(self, place: str, problem: str, hint: str = "") -> None:
        super().__init__(problem, hint)
        self.place = place

    def __str__(self) -> str:
        return f"{self.place}: {super().__str__()}"

    @property
    def errors(self) -> list["DocumentError"]:
        """All that is wrong, in the order of the document."""
        return [self]


class SeveralErrors(DocumentError):
    """A document in which more than one thing is wrong; it names the first where only one is asked for."""

    def __init__(self, errors: Sequence[DocumentError]) -> None:
        first = errors[0]
        super().__init__(first.place, first.problem, first.hint)
        self._errors = list(errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self._errors)

    @property
    def errors(self) -> list[DocumentError]:
        return self._errors


class Mistakes:
    """Reads on after a mistake, so that all of them are told:

    mistakes = Mistakes()
    name = mistakes.of(read_text, found["name"], "name")
    rules = [mistakes.of(read_rule, each, f"rules[{n}]") for n, each in enumerate(found["rules"])]
    mistakes.tell()
    """

    def __init__(self, errors: Sequence[DocumentError] = ()) -> None:
        self.errors = list(errors)

    def of(self, read: Callable[..., Found], *given: Any, **named: Any) -> Found:
        """What `read` returns; of no use before `tell`, which raises where there is nothing."""
        try:
            return read(*given, **named)
        except DocumentError as error:
            self.errors += error.errors
            return cast(Found, None)

    def tell(self) -> None:
        """Raises DocumentError if there was one."""
        if self.errors:
            raise self.errors[0] if len(self.errors) == 1 else SeveralErrors(self.errors)


def read_document(text: str, *, name: str = "document") -> dict[str, Any]:
    """The mapping a document holds; dates stay text, a key given twice is an error. Raises DocumentError."""
    found = read_value(text, name=name)
    if not isinstance(found, dict):
        words = gettext("a mapping of keys is needed, not %(value)s") % {"value": type(found).__name__}
        raise DocumentError(name, words)
    return found


def read_value(text: str, *, name: str = "document") -> Any:
    """What a document holds, a list as well as a mapping. Raises DocumentError."""
    if text.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):  # YAML says what is wrong, and where
            # Programs write JSON, and long lists: this reads it a hundred times as fast.
            return json.loads(text, object_pairs_hook=_without_twins, parse_constant=_refuse_constant)
    yaml = YAML(typ="safe", pure=True)
    # Dates stay text: only JSON's types come out of a document.
    yaml.constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{name}, line {mark.line + 1}, column {mark.column + 1}" if mark else name
        raise DocumentError(place, gettext("not YAML: %(error)s") % {"error": error.problem or ""}) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise DocumentError(name, gettext("not YAML: %(error)s") % {"error": error}) from error


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _refuse_constant(word: str) -> None:
    """NaN and Infinity are no JSON; in YAML they are texts."""
    raise ValueError(word)


def check_keys(
    found: Any, *, allowed: Collection[str], required: Collection[str] = (), place: str,
    mistakes: Mistakes | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The mapping, if it has no unknown key and none is missing; raises DocumentError naming the nearest key.

    With `mistakes`, unknown keys are noted there and left out.
    """
    if not isinstance(found, Mapping):
        raise DocumentError(place, gettext("a mapping of keys is needed, not %(value)r") % {"value": found})
    missing = [key for key in required if key not in found]
    unknown, meant = [], set[str]()
    for key in found:
        if key not in allowed:
            meant |= set(_resembling(key, allowed))
            words = gettext("unknown key `%(key)s`") % {"key": key}
            unknown.append(DocumentError(place, words, nearest(key, sorted(allowed))))
    if missing or (unknown and mistakes is None):
        lost = [key for key in missing if key not in meant]
        Mistakes(
            [*unknown, *(DocumentError(place, gettext("`%(key)s` is missing") % {"key": key}) for key in lost)]
        ).tell()
    if mistakes is not None:
        mistakes.errors += unknown
    return {key: value for key, value in found.items() if key in allowed} if unknown else dict(found)


def errors_of(form: BaseForm, place: str) -> list[DocumentError]:
    """What the form of a plug-in says of settings in a document, each at its key."""
    return [DocumentError(f"{place}.{name}", str(error)) for name, errors in form.errors.items() for error in errors]


def nearest(word: object, known: Collection[str]) -> str:
    """A hint: the nearest known word, or as many as can be read at a glance."""
    if close := _resembling(word, known):
        return gettext("did you mean `%(word)s`?") % {"word": close[0]}
    return gettext("known: %(listed)s") % {"listed": ", ".join(list(known)[:MOST_LISTED]) or gettext("none")}


def _resembling(word: object, known: Collection[str]) -> list[str]:
    return difflib.get_close_matches(str(word), known, n=1)
