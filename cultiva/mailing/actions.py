"""Templates are published here, and mails asked for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from cultiva.accounts.models import User, Workspace
from cultiva.consent.models import PurposeVersion
from cultiva.events.batch import Batch
from cultiva.leads.models import Lead
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope
from cultiva.lib.documents import nearest
from cultiva.mailing.letters import load_house, sender_values
from cultiva.mailing.models import UNCONFIRMED, TemplateVersion
from cultiva.mailing.templating import (
    CONFIRMATION,
    MAGNET_DELIVERY,
    SIGN_IN,
    SYSTEM_VARIABLES,
    WEBINAR_SEAT,
    Rendered,
    compile_version,
    read_template,
    render,
    system_document,
)

Json = dict[str, Any]


class UnknownTemplate(LookupError):
    """No published template has this key."""


@dataclass(frozen=True)
class Addressee:
    """Who is written to, and what about: a lead, or a user where `lead_id` is None.

    One mail per (cause kind, cause id, lead), however often it is asked for.
    """

    cause_id: str
    lead_id: int | None = None
    user_id: int | None = None
    variables: Json = field(default_factory=dict)


def publish_template(*, workspace_id: int, text: str, at: datetime) -> TemplateVersion:
    """A new version of a mail. Raises DocumentError: an unknown variable, a link that leads nowhere, .."""
    with workspace_scope(workspace_id):
        purposes = [purpose.key for purpose in PurposeVersion.currents(workspace_id)]
        language = Workspace.objects.get(id=workspace_id).language
        template = read_template(text, language=language, purposes=purposes)
        return TemplateVersion.publish(
            workspace_id=workspace_id,
            key=template.key,
            name=template.name,
            body=template.body,
            source_text=text,
            at=at,
        )


def ensure_system_templates(*, workspace_id: int, at: datetime) -> None:
    """Publish ours where the workspace has none of that key. Safe to repeat, also side by side."""
    with workspace_scope(workspace_id):
        known = set(TemplateVersion.currents(workspace_id).values_list("key", flat=True))
        for key in SYSTEM_VARIABLES.keys() - known:
            try:
                with transaction.atomic():
                    publish_template(workspace_id=workspace_id, text=system_document(key), at=at)
            except IntegrityError:  # another worker was first
                continue


def find_template(*, workspace_id: int, key: str, at: datetime) -> TemplateVersion:
    """The version in force; ours of that key where the workspace has none. Raises UnknownTemplate."""
    found = TemplateVersion.current(workspace_id, key)
    if found is None and key in SYSTEM_VARIABLES:
        ensure_system_templates(workspace_id=workspace_id, at=at)
        found = TemplateVersion.current(workspace_id, key)
    if found is None:
        known = list(TemplateVersion.currents(workspace_id).values_list("key", flat=True))
        raise UnknownTemplate(f"No template `{key}`.\nhint: {nearest(key, known)}")
    return found


def put_in_outbox(
    *,
    workspace_id: int,
    cause_kind: str,
    template: str,
    addressees: Sequence[Addressee],
    at: datetime,
    not_before: datetime | None = None,
) -> int:
    """Ask for mails; returns how many are new. They leave when `not_before` (default: at once) has come.

    The version in force now is the one that is sent; consent is asked when it is. Raises UnknownTemplate.
    """
    if not addressees:
        return 0
    version = find_template(workspace_id=workspace_id, key=template, at=at)
    rows = [
        {
            "cause_id": each.cause_id,
            "lead_id": each.lead_id,
            "user_id": each.user_id,
            "variables": each.variables,
        }
        for each in addressees
    ]
    found = fetch_all(
        load_sql("mailing", "put_in_outbox"),
        {
            "workspace": workspace_id,
            "cause_kind": cause_kind,
            "template": version.id,
            "purpose": version.body["purpose"],
            "rows": json.dumps(rows),
            "not_before": not_before or at,
            "domain": load_house(workspace_id).sender.domain,
            "at": at,
        },
    )
    return int(found[0]["put"])


def send_sign_in_link(*, workspace_id: int, user: User, at: datetime) -> None:
    """Mail a one-time link to a user, made when the mail leaves; asking twice in a second sends one mail."""
    with workspace_scope(workspace_id):
        put_in_outbox(
            workspace_id=workspace_id,
            cause_kind=SIGN_IN,
            template=SIGN_IN,
            addressees=[Addressee(cause_id=f"{user.id}:{int(at.timestamp())}", user_id=user.id)],
            at=at,
        )


def answer(batch: Batch) -> None:
    """Step of `flow`: what is asked for gets its mail; withdrawals cancel, confirmations wake what waits."""
    cancel_withdrawn(batch)
    wake_confirmed(batch)
    for (kind, name), (property_, template) in ANSWERS.items():
        asked = [
            Addressee(
                str(event.properties[property_]),
                event.lead_id,
                variables={property_: event.properties[property_]},
            )
            for event in batch.of_kind(kind)
            if event.is_ours and event.name == name and event.lead_id is not None
        ]
        asked = with_an_address(batch.workspace_id, asked)
        put_in_outbox(
            workspace_id=batch.workspace_id,
            cause_kind=property_,
            template=template,
            addressees=asked,
            at=batch.at,
        )


def with_an_address(workspace_id: int, asked: list[Addressee]) -> list[Addressee]:
    """Who is known by a telephone alone gets what they asked for on the page."""
    ids = [each.lead_id for each in asked if each.lead_id]
    without = set(
        Lead.objects.filter(workspace_id=workspace_id, id__in=ids, email_key=None, merged_into=None).values_list(
            "id", flat=True
        )
        if ids
        else ()
    )
    return [each for each in asked if each.lead_id not in without]


# {(kind, name) of an event: (the property that names its cause, the template that answers)}
ANSWERS = {
    ("consent", "confirmation_requested"): ("confirmation", CONFIRMATION),
    ("consent", "confirmation_reminded"): ("reminder", CONFIRMATION),
    ("track", "magnet_granted"): ("grant", MAGNET_DELIVERY),
    ("track", "webinar_seated"): ("seat", WEBINAR_SEAT),
}


def cancel_withdrawn(batch: Batch) -> None:
    withdrawn = [
        {"lead_id": event.lead_id, "purpose": event.properties["purpose"]}
        for event in batch.of_kind("consent")
        if event.name == "withdrawn" and event.properties.get("channel") == "email"
    ]
    if withdrawn:
        parameters = {"workspace": batch.workspace_id, "withdrawn": json.dumps(withdrawn)}
        execute(load_sql("mailing", "cancel_withdrawn"), parameters)


def cancel_marketing(*, workspace_id: int, lead_ids: Sequence[int]) -> int:
    """What waits for people who want no marketing any more, in the transaction in which they say so."""
    return execute(load_sql("mailing", "cancel_marketing"), {"workspace": workspace_id, "leads": list(lead_ids)})


def wake_confirmed(batch: Batch) -> None:
    leads = [event.lead_id for event in batch.of_kind("consent") if event.name == "confirmed"]
    if leads:
        parameters = {
            "workspace": batch.workspace_id, "leads": leads, "unconfirmed": UNCONFIRMED, "at": batch.at,
        }  # fmt: skip
        execute(load_sql("mailing", "wake_confirmed"), parameters)


def preview(*, workspace_id: int, template: TemplateVersion, language: str) -> Rendered:
    """A version as a made-up reader would get it. `language` is one of the version's own."""
    house = load_house(workspace_id)
    page = f"{settings.PUBLIC_URL}/…"
    urls = dict.fromkeys(
        ("confirm_url", "download_url", "sign_in_url", "lead_url", "unsubscribe_url", "preferences_url", "request_url"),
        page,
    )
    name = {"first_name": "Ana", "last_name": "Ruiz", "full_name": "Ana Ruiz", "company": "Olivar, S.L."}
    values = {
        **urls,
        "lead": {**name, "email": "ana@example.com", "attributes": {}},
        "user": name,
        "magnet": {"title": "…"},
        "session": {"starts": "…"},
        "form": {"name": "…"},
        "due_on": "…",
        "workspace": {"name": house.workspace.name},
        "sender": sender_values(house),
        "mail": {
            "sender": house.workspace.name,
            "legal": house.legal_line,
            "why": "…",
            "unsubscribe_url": page,
            "preferences_url": page,
            "privacy_url": house.privacy_url,
        },
    }
    return render(compile_version(template, language), values)
