"""What a form's author had better know, though nothing keeps the form from being published."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext

from cultiva.consent.models import PolicyVersion
from cultiva.consent.sensitive import SENSITIVE, kinds_told
from cultiva.scoring.models import ModelVersion

Json = dict[str, Any]

READ_BY_PEOPLE = ("label", "help", "text", "choices", "low", "high")


def hints_of(workspace_id: int, document: Mapping[str, Any]) -> list[str]:
    """Whole sentences about a form's document, be it sound or not."""
    return [*_sensitive(document), *_profiling(workspace_id, document)]


def _sensitive(document: Mapping[str, Any]) -> Iterator[str]:
    words = gettext(
        "«%(field)s» seems to ask for %(kind)s. Ask for it only if you cannot do without, say so in the policy, and"
        " give it no points."
    )
    fields = document.get("fields")
    for field in fields if isinstance(fields, list) else ():
        for kind in kinds_of(field) if isinstance(field, dict) else ():
            yield words % {"field": field.get("key"), "kind": SENSITIVE[kind][0]}


def kinds_of(field: Json) -> list[str]:
    """Which of `SENSITIVE` a question asks for, by its own words."""
    return kinds_told(" / ".join(text for name in READ_BY_PEOPLE for text in _texts(field.get(name))))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _profiling(workspace_id: int, document: Mapping[str, Any]) -> Iterator[str]:
    """Who was not told of profiles gets no score: that is kept, and the author should know."""
    key = document.get("policy")
    policy = PolicyVersion.current(workspace_id, key) if isinstance(key, str) and key else None
    if policy and policy.body["profiling"] == "none":
        models = ModelVersion.currents(workspace_id).order_by("key", "-version")
        if model := models.first():
            yield gettext(
                "Leads are scored here (%(model)s), and the policy «%(policy)s» tells of no profiles: who comes by"
                " this form gets no score."
            ) % {"model": model.name, "policy": key}
