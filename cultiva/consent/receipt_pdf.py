"""The receipt as a PDF, for people to read and keep; the signed form of it is the JSON-LD."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import reportlab
from django.utils import translation
from django.utils.translation import gettext as _
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

from cultiva.accounts.models import Workspace
from cultiva.consent.keys import keys_url, signing_key
from cultiva.consent.receipts import agreed_acts, policies_of
from cultiva.consent.showing import ShownAct

# Bitstream Vera comes with the library, and is embedded: a PDF that is kept looks the same everywhere.
FONTS = Path(reportlab.__file__).parent / "fonts"
TEXT = ParagraphStyle("text", fontName="Vera", fontSize=9.5, leading=14)
SMALL = ParagraphStyle("small", TEXT, fontSize=7.5, leading=11, textColor=colors.HexColor("#51605a"))
HEADING = ParagraphStyle("heading", TEXT, fontName="VeraBd", fontSize=12, leading=16, spaceBefore=10, spaceAfter=4)
TITLE = ParagraphStyle("title", HEADING, fontSize=18, leading=24)
MARGIN = 20 * mm
TERMS_MM = 45


def receipt_pdf(*, workspace_id: int, lead_id: int, at: datetime, language: str) -> bytes:
    """What a lead agreed to, in the words that were shown. No name and no address of theirs stands in it."""
    for name in ("Vera", "VeraBd"):
        pdfmetrics.registerFont(TTFont(name, FONTS / f"{name}.ttf"))
    workspace = Workspace.objects.get(id=workspace_id)
    acts = agreed_acts(workspace_id, lead_id)
    file = io.BytesIO()
    with translation.override(language):
        title = _("Receipt of what you agreed to")
        document = SimpleDocTemplate(
            file, pagesize=A4, title=title, author=workspace.name, lang=language,
            leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=MARGIN,
        )  # fmt: skip
        document.build([_said(title, TITLE), *_head(workspace, lead_id, acts, at), *_body(acts), *_foot(workspace, at)])
    return file.getvalue()


def _head(workspace: Workspace, lead_id: int, acts: list[ShownAct], at: datetime) -> list[Flowable]:
    controllers = [policy.body["controller"] for policy in policies_of(acts)]
    rows = [(_("Drawn up"), _instant(at)), (_("Person"), _("number %(id)s") % {"id": lead_id})]
    for known in controllers or [{"name": workspace.name, "address": "", "email": ""}]:
        contact = known.get("dpo_email") or known["email"]
        lines = [each for each in (known["name"], known["address"], contact) if each]
        rows.append((_("Who is responsible"), "\n".join(lines)))
    return [_table(rows)]


def _body(acts: list[ShownAct]) -> list[Flowable]:
    if not acts:
        return [Spacer(1, 12), _said(_("Nothing is kept of what you agreed to."))]
    parts: list[Flowable] = []
    for act in acts:
        evidence, payload = act.evidence, act.payload
        rows = [(_("When"), _instant(evidence.occurred_at))]
        if act.label:
            rows.append((_("In these words"), act.label))
        elif evidence.purpose:
            rows.append((_("Purpose"), evidence.purpose))
        if act.policy:
            named = {"title": act.text.get("title", act.policy.name), "version": act.policy.version}
            rows.append((_("Policy"), _("%(title)s, version %(version)s") % named))
        if payload.get("page_url"):
            rows.append((_("Page"), str(payload["page_url"])))
        rows.append((_("Evidence"), f"{evidence.id} · SHA-256 {evidence.hash}"))
        parts += [_said(_act_words(act), HEADING), _table(rows)]
    return parts


def _act_words(act: ShownAct) -> str:
    words = {
        "policy_accepted": _("You accepted the data-protection policy"), "given": _("You agreed"),
        "withdrawn": _("You took your consent back"),
    }  # fmt: skip
    return words.get(act.evidence.act, act.evidence.act)


def _foot(workspace: Workspace, at: datetime) -> list[Flowable]:
    key = signing_key(workspace_id=workspace.id, at=at)
    text = _(
        "You can take back what you agreed to at any time, on your own page. The signed form of this receipt is its"
        " JSON-LD: anybody can check it against the key %(kid)s, published at %(url)s."
    )
    return [Spacer(1, 16), _said(text % {"kid": key.kid, "url": keys_url(workspace)}, SMALL)]


def _table(rows: Sequence[tuple[str, str]]) -> Table:
    cells = [[_said(term, SMALL), _said(said)] for term, said in rows]
    width = A4[0] - 2 * MARGIN
    table = Table(cells, colWidths=[TERMS_MM * mm, width - TERMS_MM * mm], hAlign="LEFT")
    table.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.lightgrey)])
    return table


def _said(text: str, style: ParagraphStyle = TEXT) -> Paragraph:
    """Whatever stands in it is text."""
    return Paragraph(escape(text).replace("\n", "<br/>"), style)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
