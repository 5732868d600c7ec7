"""One form for every document, so that only what it says is compared and not how it is written."""

import difflib
import hashlib
import json
import math
import re
from io import StringIO
from typing import Any

from django.utils.translation import gettext
from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter

from cultiva.lib.documents import DocumentError

MOST_VALUES = 200_000  # a segment may list 50,000 addresses; names that stand for others (`&a`, `*a`) multiply
DEEPEST = 100
LONG = 5_000
UNUSUAL = re.compile(r"[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]|^[\n ]|[ \n]\n|\t")


def _count(found: Any, most: int) -> int:
    """How many values there are, as far as it matters."""
    inside = list(found.values()) if isinstance(found, dict) else found if isinstance(found, list) else []
    count = 1
    for each in inside:
        count += _count(each, most) if count <= most else 0
    return count


class _Representer(RoundTripRepresenter):
    def ignore_aliases(self, data: Any) -> bool:
        """What stands twice is written twice: a person reads it."""
        return True


def _represent_text(representer: _Representer, text: str) -> Any:
    style = "|" if "\n" in text else None
    if UNUSUAL.search(text):
        style = '"'
    return representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Representer.add_representer(str, _represent_text)


def write_yaml(found: Any) -> str:
    """As text that `lib.documents.read_document` reads as the same. What is long is JSON, which is read fast."""
    if _count(found, LONG) > LONG:
        return json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.width = 1_000_000  # lines are not broken: a diff shows the change and not its consequences
    yaml.allow_unicode = True
    text = StringIO()
    yaml.dump(found, text)
    return text.getvalue()


def plain(found: Any, *, place: str = "document") -> Any:
    """The same of JSON's types alone, keys as text. Raises DocumentError for what could not be kept or has no end."""
    return _Plain(place).copy(found, 0)


class _Plain:
    def __init__(self, place: str) -> None:
        self.place, self.values = place, 0

    def copy(self, value: Any, depth: int) -> Any:
        self.values += 1
        if self.values > MOST_VALUES or depth > DEEPEST:
            problem = gettext("holds more than %(most_values)s values, or more than %(deepest)s levels") % {
                "most_values": MOST_VALUES,
                "deepest": DEEPEST,
            }
            raise DocumentError(
                self.place, problem, gettext("names such as &a and *a count where they stand for something")
            )
        if isinstance(value, dict):
            return {self.key(key): self.copy(each, depth + 1) for key, each in value.items()}
        if isinstance(value, list):
            return [self.copy(each, depth + 1) for each in value]
        if isinstance(value, str) and "\x00" in value:
            raise DocumentError(
                self.place,
                gettext("the text %(value)r holds a NUL character") % {"value": value[:40]},
                gettext("leave it out"),
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise DocumentError(
                self.place,
                gettext("%(value)s is no number that can be kept") % {"value": value},
                gettext("leave it out, or quote it"),
            )
        if value is None or isinstance(value, (str, bool, int, float)):
            return value
        problem = gettext("a value of the type %(type)s cannot be kept") % {"type": type(value).__name__}
        raise DocumentError(self.place, problem, gettext("text, number, true, false, list or mapping"))

    def key(self, key: Any) -> str:
        if isinstance(key, str):
            return str(self.copy(key, 0))
        return json.dumps(key) if isinstance(key, (bool, int, float)) else str(key)


def digest(found: Any, attachments: Any = ()) -> str:
    """Two documents that say the same have the same; the order of keys says nothing. `attachments`: {name: SHA-256}"""
    said = json.dumps([plain(found), sorted(dict(attachments).items())], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def diff(before: Any, after: Any, *, name: str) -> str:
    """What changes, as unified diff of both in normal form; None stands for no document."""
    old = "" if before is None else write_yaml(_in_order_of(plain(before), plain(after)) if after else plain(before))
    new = "" if after is None else write_yaml(plain(after))
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), f"present/{name}" if old else "/dev/null",
        f"file/{name}" if new else "/dev/null", lineterm="",
    )  # fmt: skip
    return "\n".join(lines)


def _in_order_of(value: Any, model: Any) -> Any:
    """The same value, its keys in the order in which the other one has them: a diff shows no moved lines."""
    if isinstance(value, dict) and isinstance(model, dict):
        keys = [key for key in model if key in value]
        before = None
        for key in value:
            if key not in model:
                keys.insert(keys.index(before) + 1 if before is not None else 0, key)
            before = key
        return {key: _in_order_of(value[key], model.get(key)) for key in keys}
    if isinstance(value, list) and isinstance(model, list):
        others = [*model, *([None] * (len(value) - len(model)))]
        return [_in_order_of(each, other) for each, other in zip(value, others, strict=False)]
    return value
