"""What the API says of lead magnets and takes for them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from cultiva.api.shapes import Body

Json = dict[str, Any]


class MagnetFunnel(BaseModel):
    seen: int = Field(description="Openings of the forms that give it.")
    asked: int = Field(description="Leads who got it, as all that follow.")
    valid: int
    opened: int
    qualified: int = Field(description="Ever marketing-qualified.")
    cost: float | None = Field(description="What staff say it took.")


class Magnet(BaseModel):
    key: str
    version: int
    kind: str = Field(description="ebook, whitepaper, case_study, template, discount, webinar, video, trial, referral.")
    objective: Literal["content", "subscription", "quote", "purchase", "service"]
    title: dict[str, str]
    intro: dict[str, str]
    persona: str | None
    stage: str | None
    library: bool
    settings: Json = Field(description="Of its kind: docs/reference/magnets.md. Files are their SHA-256.")
    form: str | None = Field(description="The key of a form that gives it.")
    funnel: MagnetFunnel
    published_at: datetime


class Grant(BaseModel):
    id: int
    lead_id: int
    magnet: str
    granted_at: datetime
    via: str = Field(description="form, api, staff, referral.")
    origin: Json = Field(description="{form, campaign, page, referral}, as far as known.")
    opened_at: datetime | None = Field(description="When somebody first came to it.")
    link: str = Field(description="Gives it to whoever follows it, for 14 days.")


class GrantIn(Body):
    """The lead by id or by address."""

    lead_id: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    email: str | None = Field(None, max_length=254)


class RedeemIn(Body):
    code: str = Field(
        min_length=1, max_length=100, description="As it was typed: spaces, hyphens and case do not count."
    )
    purchase: str = Field("", max_length=80, description="The order it is used for.")


class Redeemed(BaseModel):
    magnet: str
    lead_id: int
    redeemed_at: datetime
    settings: Json = Field(description="What the code is worth: percent or amount.")


MAGNET: Json = {
    "key": "guia-riego",
    "version": 3,
    "kind": "ebook",
    "objective": "content",
    "title": {"es": "Guía de riego eficiente", "en": "Guide to efficient irrigation"},
    "intro": {},
    "persona": "tecnico-de-riego",
    "stage": "lead",
    "library": True,
    "settings": {"file": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
    "form": "guia-riego",
    "funnel": {"seen": 812, "asked": 240, "valid": 221, "opened": 180, "qualified": 64, "cost": 1200.0},
    "published_at": "2026-03-01T09:00:00+00:00",
}
GRANT: Json = {
    "id": 41,
    "lead_id": 7,
    "magnet": "guia-riego",
    "granted_at": "2026-03-10T12:00:00+00:00",
    "via": "form",
    "origin": {"form": "guia-riego", "campaign": {"source": "linkedin", "name": "primavera"}},
    "opened_at": "2026-03-10T12:04:00+00:00",
    "link": "https://cultiva.example/d/tbnmo0.1.15.x7Q",
}
GRANT_IN: Json = {"email": "ana@riega.example"}
REDEEM_IN: Json = {"code": "7K3QX-9M2TD", "purchase": "P-1024"}
REDEEMED: Json = {
    "magnet": "descuento-primavera",
    "lead_id": 7,
    "redeemed_at": "2026-03-12T10:00:00+00:00",
    "settings": {"percent": 15.0, "codes": "made"},
}
