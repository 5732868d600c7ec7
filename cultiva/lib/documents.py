"""Reading documents that people write: YAML 1.2 core (or JSON, which is YAML), with errors that say where."""

import difflib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError


class DocumentError(ValueError):
    """A document that cannot be used: the place in it, what is wrong, the way out."""

    def __init__(self, place: str, problem: str, hint: str = "") -> None:
        self.place, self.problem, self.hint = place, problem, hint
        super().__init__(f"{place}: {problem}" + (f"\nhint: {hint}" if hint else ""))


def read_document(text: str, *, name: str = "document") -> dict[str, Any]:
    """The mapping a document holds; dates stay text, a key given twice is an error. Raises DocumentError."""
    found = read_value(text, name=name)
    if not isinstance(found, dict):
        raise DocumentError(name, f"a mapping of keys is needed, not {type(found).__name__}")
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
        raise DocumentError(place, str(error.problem or "not YAML")) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise DocumentError(name, f"not YAML: {error}") from error


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _refuse_constant(word: str) -> None:
    """NaN and Infinity are no JSON; in YAML they are texts."""
    raise ValueError(word)


def check_keys(found: Any, *, allowed: Collection[str], required: Collection[str] = (), place: str) -> dict[str, Any]:
    """The mapping, if it has no unknown key and none is missing; raises DocumentError naming the nearest key."""
    if not isinstance(found, Mapping):
        raise DocumentError(place, f"a mapping of keys is needed, not {found!r}")
    for key in found:
        if key not in allowed:
            nearest = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"did you mean `{nearest[0]}`?" if nearest else f"known keys: {', '.join(sorted(allowed))}"
            raise DocumentError(place, f"unknown key `{key}`", hint)
    for key in required:
        if key not in found:
            raise DocumentError(place, f"`{key}` is missing")
    return dict(found)
