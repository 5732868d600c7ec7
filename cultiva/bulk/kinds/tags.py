"""What adding a tag and taking it off share. Tags are the list `tags` among the attributes; they compare folded."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.bulk.kinds.attributes import kept_value
from cultiva.bulk.kinds.base import BulkRefused, BulkSettings, Chunk, Json
from cultiva.leads.attributes import learn_definitions
from cultiva.leads.changing import change_attributes
from cultiva.leads.values import WrongType
from cultiva.lib.folding import fold

TAGS = "tags"


class TagSettings(BulkSettings):
    tag = forms.CharField(label=_("Tag"), max_length=80, widget=forms.TextInput({"autocomplete": "off"}))

    def clean_tag(self) -> str:
        return " ".join(str(self.cleaned_data["tag"]).split())


def check_tag(workspace_id: int, tag: str, at: datetime) -> None:
    """Raises BulkRefused where the attribute `tags` would not take it."""
    learn_definitions(workspace_id=workspace_id, subject="lead", seen={TAGS: [[tag]]}, at=at)
    try:
        if kept_value(workspace_id=workspace_id, key=TAGS, value=[tag]) == [tag]:
            return
    except (WrongType, KeyError):
        pass
    problem = gettext("The attribute `%(attribute)s` does not take “%(tag)s”.") % {"attribute": TAGS, "tag": tag}
    raise BulkRefused(problem, gettext("make it an attribute of several choices that has it"))


def with_tags(attributes: Json, new: Iterable[str]) -> Json:
    tags = tags_of(attributes)
    known = set(map(fold, tags))
    lacking = [tag for tag in new if fold(tag) not in known]
    return {TAGS: [*tags, *lacking]} if lacking else {}


def without_tag(attributes: Json, tag: str) -> Json:
    left = [each for each in tags_of(attributes) if fold(each) != fold(tag)]
    return {TAGS: left or None} if len(left) < len(tags_of(attributes)) else {}


def tags_of(attributes: Json) -> list[str]:
    known = attributes.get(TAGS)
    return [str(each) for each in known] if isinstance(known, list) else [str(known)] if known else []


def add_tags(chunk: Chunk, tags: Mapping[int, Iterable[str]], context: Json) -> list[int]:
    """To each lead its tags; returns the leads that lacked one."""
    return list(
        change_attributes(
            workspace_id=chunk.workspace_id, lead_ids=chunk.lead_ids, at=chunk.at, context=context,
            change=lambda lead_id, known: with_tags(known, tags[lead_id]),
        )
    )  # fmt: skip


def remove_tag(chunk: Chunk, tag: str, context: Json) -> dict[int, list[str]]:
    """The leads that had it, and how it was written."""
    before = change_attributes(
        workspace_id=chunk.workspace_id, lead_ids=chunk.lead_ids, at=chunk.at, context=context,
        change=lambda _lead, known: without_tag(known, tag),
    )  # fmt: skip
    return {lead_id: [each for each in tags_of(had) if fold(each) == fold(tag)] for lead_id, had in before.items()}


UNDOES: Json = {"is_undo": True}
