"""Inbound connectors as files: what sends us leads, and what its fields mean. Secrets stay in the product."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.capture.connectors.actions import (
    change_inbound,
    create_inbound,
    new_secret,
    save_mapping,
    stop_inbound,
)
from cultiva.capture.connectors.mapping import CONSENT, read_box, read_mapping
from cultiva.capture.connectors.models import Inbound
from cultiva.consent.notices import read_choice, read_key
from cultiva.criteria.reading import read_text
from cultiva.documents.kinds import DocumentKind, Need, Present, read_once
from cultiva.lib.documents import DocumentError, Mistakes, check_keys
from cultiva.lib.plugins import plugins

Json = dict[str, Any]

LONGEST_KEY, LONGEST_NAME = 50, 120


class ConnectorFile(DocumentKind):
    """{connector: KEY, kind: meta | google | .., name: .., mapping: {field: target}}; `mapping` may be absent."""

    kind, folder, label = "connector", "connectors", _("Connector")

    def present(self, workspace_id: int) -> dict[str, Present]:
        found = Inbound.objects.filter(workspace_id=workspace_id, stopped_at=None).order_by("key")
        return {each.key: Present(_body(each), 1) for each in found}

    def needs(self, body: Json) -> list[Need]:
        mapping = body.get("mapping")
        boxes = [
            read_box(str(field), target)
            for field, target in (mapping.items() if isinstance(mapping, dict) else ())
            if isinstance(target, str) and target.startswith(CONSENT) and target.count(":") == CONSENT_PARTS
        ]
        return [Need(box.what, box.key, f"mapping.{box.field}") for box in boxes if box.what in ("purpose", "policy")]

    def publish(
        self, *, workspace_id: int, text: str, attachments: Mapping[str, bytes], by: str, at: datetime
    ) -> list[str]:
        key, kind, name, mapping = _read(read_once(text), workspace_id)
        inbound = Inbound.objects.filter(workspace_id=workspace_id, key=key).first()
        notes = []
        if inbound is None:
            inbound = create_inbound(
                workspace_id=workspace_id, kind=kind, name=name, secret=new_secret(), key=key, by=by, at=at
            )
            notes = [gettext("Its screen shows where it is sent to, and the secret that was made for it.")]
        elif inbound.kind != kind:
            problem = gettext("`%(key)s` is a connector of kind %(kind)s") % {"key": key, "kind": inbound.kind}
            raise DocumentError("kind", problem, gettext("give the new one a key of its own"))
        if inbound.name != name:
            change_inbound(inbound=inbound, name=name, by=by, at=at)
        if inbound.mapping != mapping:
            save_mapping(inbound=inbound, document=mapping, by=by, at=at)
        if inbound.stopped_at:
            stop_inbound(inbound=inbound, is_stopped=False, by=by, at=at)
        return notes

    def delete(self, *, workspace_id: int, key: str, by: str, at: datetime) -> None:
        """It is stopped: what came by it stays."""
        inbound = Inbound.objects.get(workspace_id=workspace_id, key=key)
        stop_inbound(inbound=inbound, is_stopped=True, by=by, at=at)


CONSENT_PARTS = 4  # colons of consent:purpose:marketing:1:es


def _body(inbound: Inbound) -> Json:
    body: Json = {"connector": inbound.key, "kind": inbound.kind, "name": inbound.name}
    return body | ({"mapping": dict(sorted(inbound.mapping.items()))} if inbound.mapping else {})


def _read(document: Json, workspace_id: int) -> tuple[str, str, str, dict[str, str]]:
    """(key, kind, name, mapping). Raises DocumentError with all that is wrong."""
    mistakes = Mistakes()
    found = check_keys(
        document, allowed=("connector", "kind", "name", "mapping"), required=("connector", "kind", "name"),
        place="connector", mistakes=mistakes,
    )  # fmt: skip
    key = mistakes.of(read_key, found["connector"], "connector")
    kind = mistakes.of(read_choice, found["kind"], tuple(plugins("inbound")), "kind")
    name = mistakes.of(_read_name, found["name"])
    mapping = mistakes.of(lambda given: read_mapping(given, workspace_id=workspace_id), found.get("mapping") or {})
    mistakes.tell()
    if len(key) > LONGEST_KEY:
        raise DocumentError("connector", gettext("at most %(longest)s") % {"longest": LONGEST_KEY})
    return key, kind, name, mapping


def _read_name(found: Any) -> str:
    name = read_text(found, "name")
    if len(name) > LONGEST_NAME:
        raise DocumentError("name", gettext("at most %(longest)s") % {"longest": LONGEST_NAME})
    return name
