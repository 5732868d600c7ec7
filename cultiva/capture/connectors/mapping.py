"""What each field of a connector means here: an identifier, an attribute, a ticked box, a social act, or nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext

from cultiva.capture.connectors.kinds import InboundKind, as_text
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.leads.values import MAX_KEY
from cultiva.lib.documents import DocumentError, Mistakes

Json = dict[str, Any]

ASIDE = ""
IDENTIFIERS = ("email", "phone", "external_id")
OTHERS = ("full_name", "language", "id", "time", "page", "ip", "social_network", "social_action", "social_url")
ATTRIBUTE, CONSENT = "attribute:", "consent:"
YES = {"1", "true", "yes", "y", "on", "si", "sí", "x", "accepted", "acepto", "checked", "granted"}
MOST_FIELDS = 200


@dataclass(frozen=True)
class Box:
    """A box that the person ticked elsewhere, and the published words that stood beside it."""

    field: str
    what: str  # purpose | policy
    key: str
    version: int
    language: str


@dataclass(frozen=True)
class Mapped:
    """The fields of one fact by what they mean. `extra`: those that nobody has decided on."""

    identifiers: Mapping[str, str]
    attributes: Mapping[str, Any]
    boxes: tuple[Box, ...]
    others: Mapping[str, str]
    extra: Mapping[str, Any] = field(default_factory=dict)


def targets_of(kind: InboundKind, mapping: Mapping[str, str], names: Any) -> dict[str, str]:
    """{field: target} of these fields: what staff decided, else what this kind suggests; without those left open."""
    decided = {**{name: kind.suggested[name] for name in names if name in kind.suggested}, **mapping}
    return {name: decided[name] for name in names if name in decided}


def apply(targets: Mapping[str, str], fields: Mapping[str, Any]) -> Mapped:
    """A field that is empty says nothing; of two with the same target the first counts."""
    identifiers: dict[str, str] = {}
    attributes: Json = {}
    others: dict[str, str] = {}
    boxes: list[Box] = []
    for name, target in targets.items():
        value = fields[name]
        if target.startswith(CONSENT):
            if is_yes(value):
                boxes.append(read_box(name, target))
        elif target in IDENTIFIERS:
            identifiers.setdefault(target, as_text(value))
        elif target.startswith(ATTRIBUTE):
            attributes.setdefault(target.removeprefix(ATTRIBUTE), value)
        elif target:
            others.setdefault(target, as_text(value, 2000))
    first, _, last = others.get("full_name", "").partition(" ")
    named = {"first_name": first, "last_name": last.strip()}
    attributes = {**{key: value for key, value in named.items() if value}, **attributes}
    extra = {name: value for name, value in fields.items() if name not in targets}
    return Mapped(
        {key: value for key, value in identifiers.items() if value},
        {key: value for key, value in attributes.items() if value not in (None, "", [])},
        tuple(boxes), others, extra,
    )  # fmt: skip


def is_yes(value: Any) -> bool:
    """An explicit answer; anything that is not a yes is none."""
    return value is True or str(value).strip().casefold() in YES


def read_box(name: str, target: str) -> Box:
    _, what, key, version, language = target.split(":")
    return Box(name, what, key, int(version), language)


def box_choices(workspace_id: int) -> list[tuple[str, str]]:
    """(target, words) of every published text that could stand beside a box."""
    found = []
    models: tuple[tuple[str, Any], ...] = (("policy", PolicyVersion), ("purpose", PurposeVersion))
    for what, model in models:
        for version in model.currents(workspace_id):
            for language, texts in version.body["languages"].items():
                target = f"{CONSENT}{what}:{version.key}:{version.version}:{language}"
                found.append((target, f"{texts['label']} ({version.key}, v{version.version}, {language})"))
    return found


def words_of(box: Box, workspace_id: int) -> str:
    """What stood beside the box; empty where that version is not there."""
    model: Any = PolicyVersion if box.what == "policy" else PurposeVersion
    version = model.objects.filter(workspace_id=workspace_id, key=box.key, version=box.version).first()
    return str(version.body["languages"].get(box.language, {}).get("label", "")) if version else ""


def read_mapping(document: Any, *, workspace_id: int) -> dict[str, str]:
    """{field: target}, checked. Raises DocumentError with all that is wrong."""
    if not isinstance(document, dict) or len(document) > MOST_FIELDS:
        raise DocumentError("mapping", gettext("fields with their meaning are needed, at most %(most)s")
                            % {"most": MOST_FIELDS})  # fmt: skip
    mistakes = Mistakes()
    found = {
        str(name)[:200]: mistakes.of(_read_target, target, str(name), workspace_id)
        for name, target in document.items()
    }  # fmt: skip
    mistakes.tell()
    return found


def _read_target(target: Any, place: str, workspace_id: int) -> str:
    text = target.strip() if isinstance(target, str) else ""
    if text.startswith(ATTRIBUTE) and 0 < len(text) - len(ATTRIBUTE) <= MAX_KEY:
        return text
    is_box = re.fullmatch(r"consent:(purpose|policy):[a-z0-9_-]{1,80}:\d{1,6}:[a-z]{2}", text)
    if is_box and words_of(read_box(place, text), workspace_id):
        return text
    if isinstance(target, str) and text in (ASIDE, *IDENTIFIERS, *OTHERS):
        return text
    words = gettext("no meaning %(value)r") % {"value": target}
    raise DocumentError(place, words, gettext("choose one of the list, or attribute:KEY"))


def time_of(mapped: Mapped, told_at: datetime | None, at: datetime) -> datetime:
    """When the person said so: by a field, by the network, else when it came. Never later than now."""
    found = told_at
    if text := mapped.others.get("time"):
        try:
            found = datetime.fromtimestamp(float(text), UTC) if text.replace(".", "").isdigit() else (
                datetime.fromisoformat(text)
            )  # fmt: skip
        except (ValueError, OverflowError, OSError):
            found = told_at
    if found is None:
        return at
    return min(found if found.tzinfo else found.replace(tzinfo=UTC), at)
