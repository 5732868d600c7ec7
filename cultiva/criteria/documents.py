"""Criteria as a file of their own: one tree, and beside it the time zone of its dates."""

from typing import Any

from django.utils.translation import gettext

from cultiva.criteria.language import Node, parse
from cultiva.lib.documents import DocumentError, read_document
from cultiva.lib.zones import time_zones


def read_criteria(text: str, *, timezone: str = "") -> tuple[Node, str]:
    """(tree, time zone). `timezone` serves a document that names none; without either it is UTC."""
    document = read_document(text, name="criteria")
    zone = read_timezone(document.pop("timezone"), "timezone") if "timezone" in document else timezone
    return parse(document), read_timezone(zone or "UTC", "timezone")


def read_timezone(found: Any, place: str) -> str:
    if not isinstance(found, str) or found not in time_zones():
        raise DocumentError(
            place, gettext("no time zone %(value)r") % {"value": found}, gettext("an IANA name such as Europe/Madrid")
        )
    return found
