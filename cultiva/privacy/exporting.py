"""All that is held about one person, as a ZIP: for them to read (art. 15), and for another system (art. 20).

report.html       everything, in words, in the reader's language
person.json       everything, table by table
provided.json     what they gave us themselves: for another system
receipt.jsonld    what they agreed to, signed
files/            files they sent, and mails that are kept here
"""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.template.loader import render_to_string
from django.utils import translation
from psycopg import sql

from cultiva.accounts.actions import record_audit
from cultiva.accounts.models import Workspace
from cultiva.capture.models import FormVersion, Submission
from cultiva.consent.receipts import receipt_of
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope
from cultiva.lib.persons import Person, rows_of
from cultiva.privacy.people import find_person, places

Json = dict[str, Any]

IDS = ("workspace_id",)


def export_person(*, workspace_id: int, lead_id: int, at: datetime, by: str, language: str = "") -> bytes:
    """The ZIP. Raises Lead.DoesNotExist. Who took it stands in the audit log."""
    with workspace_scope(workspace_id):
        person = find_person(workspace_id=workspace_id, lead_id=lead_id, at=at)
        workspace = Workspace.objects.get(id=workspace_id)
        lead = Lead.objects.get(workspace_id=workspace_id, id=person.lead_ids[0])
        language = language or lead.language
        held = data_of(person)
        with translation.override(language):
            report = render_to_string("privacy/report.html", {
                "workspace": workspace, "language": language, "at": at, "lead": lead,
                "parts": [_readable(table, rows) for table, rows in held.items() if rows],
            })  # fmt: skip
        files = {
            "report.html": report.encode(),
            "person.json": _json({"made_at": at.astimezone(UTC).isoformat(), "tables": held}),
            "provided.json": _json(provided_by(person)),
            "receipt.jsonld": _json(receipt_of(workspace_id=workspace_id, lead_id=lead.id, at=at)),
        } | dict(_files(person))
        record_audit(workspace_id=workspace_id, actor=by, action="lead.exported", target=f"lead:{lead.id}", at=at)
    return _zip(files, at)


def data_of(person: Person) -> dict[str, list[Json]]:
    """{table: rows} of every table that holds something of the person, from the lowest floor up."""
    found: dict[str, dict[Any, Json]] = {}
    for place in places():
        rows = rows_of(person, place, also=place.also)
        known = found.setdefault(place.table, {})
        for row in rows:
            shown = {name: value for name, value in row.items() if name not in (*IDS, *place.hidden)}
            known.setdefault(json.dumps(row.get(place.key, row), default=str), shown)
    return {table: list(rows.values()) for table, rows in found.items() if rows}


def provided_by(person: Person) -> Json:
    """What the person gave: fields and answers, nothing that was worked out of them."""
    lead = Lead.objects.get(workspace_id=person.workspace_id, id=person.lead_ids[0])
    sent = Submission.objects.filter(workspace_id=person.workspace_id, lead_id__in=person.lead_ids).order_by("id")
    forms = FormVersion.objects.filter(workspace_id=person.workspace_id).in_bulk({each.form_id for each in sent})
    return {
        "email": lead.email,
        "phone": lead.phone_key,
        "language": lead.language,
        "attributes": lead.attributes,
        "answers": [
            {"form": forms[each.form_id].key, "sent_at": each.received_at.isoformat(), "fields": each.fields}
            for each in sent
        ],
    }


def labels() -> dict[str, Any]:
    """{table: what its rows are, in words}"""
    return {place.table: place.label for place in places() if place.label}


def _readable(table: str, rows: list[Json]) -> Json:
    return {
        "title": labels().get(table, table),
        "rows": [
            [(name.replace("_", " "), _text(value)) for name, value in row.items() if value not in (None, "", {}, [])]
            for row in rows
        ],
    }


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=1)
    return str(value)


def _files(person: Person) -> Iterator[tuple[str, bytes]]:
    for place in places():
        if place.file is None:
            continue
        condition, parameters = place.of(person)
        statement = sql.SQL("SELECT t.{key} AS key, t.{name}::text AS name, t.{content} AS content FROM {table} t"
                            " WHERE {rows} ORDER BY 1").format(
            key=sql.Identifier(place.key), name=sql.Identifier(place.file.name),
            content=sql.Identifier(place.file.content), table=sql.Identifier(place.table), rows=condition,
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            for key, name, content in cursor.fetchall():
                yield f"files/{place.table}/{key}-{_file_name(name)}{place.file.ending}", bytes(content)


def _file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._- " else "_" for letter in name)[:120]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str).encode() + b"\n"


def _zip(files: Mapping[str, bytes], at: datetime) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in sorted(files.items()):
            bundle.writestr(zipfile.ZipInfo(name, at.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
