"""`{action: export, settings: {format: csv}}`: a file to download, with the consents that hold in each row."""

import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from cultiva.accounts.permissions import EXPORT_LEADS
from cultiva.bulk.files import MOST_SHEET_ROWS, Column, Format, format_of
from cultiva.bulk.kinds.base import BulkKind, BulkRefused, BulkSettings, Chunk, Json
from cultiva.bulk.models import BulkAction, BulkPart
from cultiva.bulk.words import shown
from cultiva.capture.imports.given_out import OUR_ID
from cultiva.consent.actions import can_contact
from cultiva.consent.models import PurposeVersion
from cultiva.leads.attributes import definitions
from cultiva.lib.database import fetch_all, load_sql, workspace_scope

KEPT = timedelta(days=7)
PART_BYTES = 1024 * 1024
BEFORE = (OUR_ID, "email", "external_id")
AFTER = {
    "company_name": "text", "language": "text", "stage": "text", "temperature": "text", "grade": "text",
    "score": "number", "owner": "text", "created_at": "date_time", "last_seen_at": "date_time",
    "valid_since": "date_time", "confirmed_since": "date_time", "profiled_since": "date_time",
    "objected_at": "date_time",
}  # fmt: skip
TYPES = {"number": "number", "money": "number", "boolean": "boolean", "date": "date", "date_time": "date_time",
         "multi_choice": "list"}  # fmt: skip


class Export(BulkKind):
    kind = "export"
    label = _("Export to a file")
    roles = EXPORT_LEADS
    changes_leads = False

    class Settings(BulkSettings):
        format = forms.ChoiceField(
            label=_("Format"), choices=[("csv", "CSV"), ("xlsx", "Excel (XLSX)"), ("parquet", "Parquet")], initial="csv"
        )
        separator = forms.ChoiceField(
            label=_("Columns of a CSV are parted by"), choices=[(",", ","), (";", _("; as Excel in Spanish reads it"))],
            required=False,
        )  # fmt: skip
        attributes = forms.MultipleChoiceField(
            label=_("Attributes"), required=False, widget=forms.CheckboxSelectMultiple,
            help_text=_("None ticked: all of them. Address, stage, score, owner and consents are always there."),
        )  # fmt: skip

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            known = definitions(self.workspace_id, "lead")
            choices = [(key, each.label or key) for key, each in known.items() if key not in BEFORE]
            self.choose("attributes", choices, str(_("There is no attribute `%(value)s`.")))

        def clean_separator(self) -> str:
            return self.cleaned_data["separator"] or ","

    def says(self, settings: Mapping[str, Any], count: int) -> str:
        text = ngettext(
            "%(n)s lead will be written to a file (%(format)s), which is kept for 7 days.",
            "%(n)s leads will be written to a file (%(format)s), which is kept for 7 days.",
            count,
        )
        return text % {"n": shown(count), "format": settings["format"].upper()}

    def detail(self, settings: Mapping[str, Any]) -> str:
        return str(settings["format"]).upper()

    def prepare(self, workspace_id: int, settings: Json) -> Json:
        """The columns of the first row are those of the last, whatever is defined meanwhile."""
        known = definitions(workspace_id, "lead")
        wanted = set(settings["attributes"] or known) - set(BEFORE)
        purposes = PurposeVersion.currents(workspace_id)
        return settings | {
            "attributes": [[key, TYPES.get(each.type, "text")] for key, each in known.items() if key in wanted],
            "purposes": [[each.key, each.body.get("channel", "email")] for each in purposes],
        }

    def check(self, workspace_id: int, settings: Mapping[str, Any], count: int, at: datetime) -> None:
        if settings["format"] == "xlsx" and count >= MOST_SHEET_ROWS:
            problem = gettext("A sheet of Excel holds %(most)s leads, and these are %(count)s.")
            raise BulkRefused(
                problem % {"most": shown(MOST_SHEET_ROWS - 1), "count": shown(count)}, gettext("CSV or Parquet")
            )

    def run(self, chunk: Chunk, settings: Mapping[str, Any]) -> dict[int, Any]:
        sheet = Sheet(chunk.workspace_id, settings)
        rows = list(sheet.rows(chunk.lead_ids, chunk.at))
        content = sheet.format.piece(rows)
        _keep(chunk.workspace_id, chunk.action_id, sheet.what, chunk.lead_ids[0], content)
        return dict.fromkeys(chunk.lead_ids, True)

    def finish(self, action: BulkAction, at: datetime) -> None:
        """The file stands, under its name, until it expires: all of it in one transaction."""
        if action.file_bytes is not None:
            return
        sheet = Sheet(action.workspace_id, action.settings)
        head = sheet.format.head(sheet.columns)
        with tempfile.TemporaryDirectory(prefix="cultiva-export-") as folder:
            path = Path(folder) / "file"
            if not sheet.format.is_whole:
                sheet.format.join(sheet.columns, chain([head], _parts(action, "rows")), path)
            with workspace_scope(action.workspace_id):
                if sheet.format.is_whole:
                    _keep(action.workspace_id, action.id, "file", 0, head)
                else:
                    BulkPart.objects.filter(workspace_id=action.workspace_id, action=action).delete()
                    _keep_file(action, path)
                action.file_name = f"leads-{at:%Y-%m-%d}-{action.id}.{sheet.format.suffix}"
                action.file_bytes, action.expires_at = _size(action), at + KEPT
                action.save(update_fields=["file_name", "file_bytes", "expires_at"])


class Sheet:
    """The columns of an export, and the rows of some leads under them."""

    def __init__(self, workspace_id: int, settings: Mapping[str, Any]) -> None:
        self.workspace_id = workspace_id
        self.format: Format = format_of(settings["format"], settings.get("separator") or ",")
        self.what = "file" if self.format.is_whole else "rows"
        known = dict(settings["attributes"])
        self.attributes, self.purposes = list(known), settings["purposes"]
        self.columns = [
            *(Column(name) for name in BEFORE),
            *(Column(key, type_) for key, type_ in known.items()),
            *(Column(name if name not in known else f"lead_{name}", type_) for name, type_ in AFTER.items()),
            *(Column(f"may_contact_{purpose}_{channel}") for purpose, channel in self.purposes),
        ]

    def rows(self, lead_ids: list[int], at: datetime) -> Iterator[list[Any]]:
        parameters = {"workspace": self.workspace_id, "leads": lead_ids}
        allowed = [
            can_contact(workspace_id=self.workspace_id, lead_ids=lead_ids, purpose=purpose, channel=channel, at=at)
            for purpose, channel in self.purposes
        ]
        for row in fetch_all(load_sql("bulk", "export_rows"), parameters):
            attributes: Json = row["attributes"]
            yield [
                row["id"],
                row["email"],
                row["external_id"],
                *(attributes.get(key) for key in self.attributes),
                *(row[name].isoformat() if isinstance(row[name], datetime) else row[name] for name in AFTER),
                *("yes" if found[row["id"]].allowed else f"no: {found[row['id']].reason}" for found in allowed),
            ]


def file_of(action: BulkAction) -> Iterator[bytes]:
    """The file piece by piece, each read in a transaction of its own."""
    return _parts(action, "file")


def is_there(action: BulkAction, at: datetime) -> bool:
    """Whether the file of an export can be taken: it is whole, and not too old."""
    return action.file_bytes is not None and (action.expires_at is None or action.expires_at > at)


def content_type_of(action: BulkAction) -> str:
    return format_of(action.settings["format"]).content_type


def _keep_file(action: BulkAction, path: Path) -> None:
    with path.open("rb") as file:
        for ordinal, content in enumerate(iter(lambda: file.read(PART_BYTES), b"")):
            _keep(action.workspace_id, action.id, "file", ordinal, content)


def _parts(action: BulkAction, what: str) -> Iterator[bytes]:
    after = -1
    while True:
        with workspace_scope(action.workspace_id):
            part = BulkPart.objects.filter(
                workspace_id=action.workspace_id, action=action, what=what, ordinal__gt=after
            ).order_by("ordinal").first()  # fmt: skip
        if part is None:
            return
        yield bytes(part.content)
        after = part.ordinal


def _keep(workspace_id: int, action_id: int, what: str, ordinal: int, content: bytes) -> None:
    BulkPart.objects.create(workspace_id=workspace_id, action_id=action_id, what=what, ordinal=ordinal, content=content)


def _size(action: BulkAction) -> int:
    parameters = {"workspace": action.workspace_id, "action": action.id}
    return int(fetch_all(load_sql("bulk", "size_of_file"), parameters)[0]["bytes"])
