"""Scoring models as files."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from cultiva.criteria.needs import likely_slips
from cultiva.criteria.reading import all_of
from cultiva.documents.kinds import Present, VersionedKind, read_once
from cultiva.documents.normal import write_yaml
from cultiva.lib.documents import DocumentError
from cultiva.lib.refusals import Refusal
from cultiva.scoring.actions import primary_model, publish_model, retire_model
from cultiva.scoring.models import ModelVersion, Score


class Model(VersionedKind):
    kind, folder, label = "model", "models", gettext_lazy("Scoring model")
    model = ModelVersion

    def present(self, workspace_id: int) -> dict[str, Present]:
        """Which of several models is the primary one stands in its file: their order says nothing."""
        primary = primary_model(workspace_id)
        found = super().present(workspace_id)
        for key, each in found.items():
            is_primary = primary is not None and primary.key == key
            if is_primary != each.body.get("primary", False):
                found[key] = Present(_with_primary(each, is_primary), each.version)
        return found

    def find(self, workspace_id: int, key: str) -> Present | None:
        return self.present(workspace_id).get(key)

    def conflicts(self, bodies: Mapping[str, dict[str, Any]]) -> dict[str, DocumentError]:
        chosen = [key for key, body in bodies.items() if body.get("primary") is True]
        listed = all_of(chosen)
        error = DocumentError(
            "primary",
            gettext("%(listed)s cannot both be the primary model") % {"listed": listed},
            gettext("leave it in one of them"),
        )
        return dict.fromkeys(chosen, error) if len(chosen) > 1 else {}

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        return _publish(workspace_id, text, at, is_rehearsal=False)

    def rehearse(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        return _publish(workspace_id, text, at, is_rehearsal=True)

    def delete(self, *, workspace_id: int, key: str, by: str, at: datetime) -> None:
        retire_model(workspace_id=workspace_id, key=key, by=by, at=at)


def _with_primary(present: Present, is_primary: bool) -> str:
    """The author's text with one more line, where that is enough."""
    if is_primary and "primary" not in present.body and not present.text.lstrip().startswith("{"):
        return f"{present.text.rstrip()}\nprimary: true\n"
    others = {key: value for key, value in present.body.items() if key != "primary"}
    return write_yaml(others | ({"primary": True} if is_primary else {}))


def _publish(workspace_id: int, text: str, at: datetime, *, is_rehearsal: bool) -> list[str]:
    """A file that does not say whether it is the primary one leaves that as it is; the first model is."""
    body = read_once(text)
    primary = primary_model(workspace_id)
    is_primary = body.get("primary", primary is None or primary.key == body.get("model"))
    if primary and primary.key == body.get("model") and is_primary is False:
        raise Refusal(
            gettext("`%(key)s` is the primary model, and none would be.") % {"key": primary.key},
            gettext("write `primary: true` into the one that takes its place, and nothing here"),
        )
    publish_model(workspace_id=workspace_id, text=text, at=at, is_primary=is_primary, rescores=not is_rehearsal)
    count = Score.objects.filter(workspace_id=workspace_id).values("lead_id").distinct().count()
    notes = [
        ngettext(
            "%(count)d lead is scored anew; who crosses a band by that is not handed over for it.",
            "%(count)d leads are scored anew; who crosses a band by that is not handed over for it.",
            count,
        )
        % {"count": count}
    ] if count else []  # fmt: skip
    if is_primary and primary and primary.key != body["model"]:
        notes.append(_("It takes the place of %(model)s as the primary model.") % {"model": primary.key})
    for number, rule in enumerate(body["rules"]):
        notes += likely_slips(rule["when"], f"rules[{number}].when", workspace_id)
    return notes
