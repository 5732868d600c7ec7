"""Magnets of Huerta, one of each kind that does more than give a file, and leads who get them."""

from datetime import datetime
from typing import Any

from cultiva.leads.actions import save_lead
from cultiva.leads.models import Lead
from cultiva.magnets.actions import download_link, grant_magnet, publish_magnet
from cultiva.magnets.models import Grant, MagnetVersion

TITLE = "title: {es: Cosa, en: Thing}"
OFFERS = {
    "discount": "settings: {percent: 20, codes: made, days: 30}",
    "webinar": "settings: {time_zone: Europe/Madrid, minutes: 60}",
    "video": "settings: {link: 'https://videos.example/riego.mp4', gate_seconds: 30}",
    "trial": "settings: {link: 'https://app.example/start?plan=pro', days: 14}",
    "referral": "settings: {form: guia}",
}


def publish(
    workspace: Any, kind: str, at: datetime, *, key: str = "", settings: str = "", more: str = ""
) -> MagnetVersion:
    text = f"magnet: {key or kind}\nkind: {kind}\nobjective: content\n{TITLE}\n{settings or OFFERS[kind]}\n{more}"
    return publish_magnet(workspace_id=workspace.id, text=text, files={}, at=at)


def lead(workspace: Any, at: datetime, email: str = "ana@example.com", **attributes: Any) -> Lead:
    return save_lead(
        workspace_id=workspace.id, email=email, attributes=attributes, language="en", source_kind="form", at=at
    )[0]


def grant(lead: Lead, magnet: str, at: datetime) -> Grant:
    return grant_magnet(workspace_id=lead.workspace_id, lead_id=lead.id, magnet=magnet, at=at)


def token(grant: Grant, at: datetime) -> str:
    return download_link(grant, at).removeprefix("/d/")
