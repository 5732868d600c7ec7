"""Finding plug-ins: built-in ones by dotted name in the settings, others by entry point.

A plug-in is one file with one class: `kind` (its word in documents and columns), `label` (shown to people),
`Settings` (a form that validates and draws itself) and one method that its base class names.
"""

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any, ClassVar

from django.conf import settings
from django.utils.functional import Promise
from django.utils.module_loading import import_string


class Plugin:
    """What every plug-in has; each room's base class adds its one method and a working example."""

    kind: ClassVar[str]
    label: ClassVar[str | Promise]


class UnknownKind(LookupError):
    """No plug-in answers to this word."""

    def __init__(self, group: str, kind: str, known: Iterable[str]) -> None:
        known = sorted(known)
        nearest = difflib.get_close_matches(kind, known, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"installed: {', '.join(known)}"
        super().__init__(f"No {group} `{kind}`. Installed: {', '.join(known)}.\nhint: {hint}")


@cache
def plugins(group: str) -> Mapping[str, type[Any]]:
    """{kind: class} of a group such as `carriers`; entry points live in the group `cultiva.<group>`."""
    classes = [import_string(name) for name in settings.PLUGINS[group]]
    classes += [point.load() for point in entry_points(group=f"cultiva.{group}")]
    return {plugin.kind: plugin for plugin in classes}


def plugin(group: str, kind: str) -> type[Any]:
    """The class of one kind; raises UnknownKind with the nearest word."""
    known = plugins(group)
    if kind not in known:
        raise UnknownKind(group, kind, known)
    return known[kind]
