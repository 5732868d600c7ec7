"""Putting landing pages in force and taking them out, drawing them, and the brand they carry."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, override

from cultiva.accounts.models import Workspace
from cultiva.capture.landing.blocks import Block, Scene
from cultiva.capture.landing.documents import forms_in, pictures_in, read_page
from cultiva.capture.landing.themes import FONTS, THEMES, style_of
from cultiva.capture.models import Brand, PagePath, PagePicture, PageVersion
from cultiva.consent.models import PolicyVersion
from cultiva.criteria.references import forget_references, save_references
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError
from cultiva.lib.plugins import plugin
from cultiva.lib.refusals import Refusal

Json = dict[str, Any]
COLOUR = re.compile(r"#[0-9a-f]{6}")


class BadBrand(Refusal):
    """A colour, font or logo that pages cannot show."""


def publish_page(*, workspace_id: int, text: str, at: datetime) -> PageVersion:
    """A new version of a page, at its address. Raises DocumentError, also where another page has that address."""
    with workspace_scope(workspace_id):
        page = read_page(text, workspace_id=workspace_id)
        _take_path(workspace_id, page.key, page.body["path"])
        refers = {("form", key) for key in forms_in(page.body)}
        save_references(workspace_id=workspace_id, kind="page", key=page.key, refers=refers)
        return PageVersion.publish(
            workspace_id=workspace_id, key=page.key, name=page.name, body=page.body, source_text=text, at=at
        )


def _take_path(workspace_id: int, key: str, path: str) -> None:
    """Who comes second waits at the unique key, and is told."""
    PagePath.objects.filter(workspace_id=workspace_id, key=key).exclude(path=path).delete()
    taken, _made = PagePath.objects.get_or_create(workspace_id=workspace_id, path=path, defaults={"key": key})
    if taken.key != key:
        words = gettext("the page `%(key)s` stands at `%(path)s`") % {"key": taken.key, "path": path}
        raise DocumentError(f"{key}, path", words, gettext("choose another path"))


def archive_page(*, workspace_id: int, key: str, by: str, at: datetime) -> None:
    """Take a page out of use; its versions stay. Publishing its key brings it back."""
    with workspace_scope(workspace_id):
        version = PageVersion.current(workspace_id, key)
        if version:
            forget_references(workspace_id=workspace_id, kind="page", key=key)
            PagePath.objects.filter(workspace_id=workspace_id, key=key).delete()
            version.end(by=by, at=at)


def find_page(*, workspace_id: int, path: str) -> PageVersion | None:
    """The page in force at an address."""
    with workspace_scope(workspace_id):
        found = PagePath.objects.filter(workspace_id=workspace_id, path=path).first()
        return PageVersion.current(workspace_id, found.key) if found else None


def brand_of(workspace_id: int) -> Brand | None:
    return Brand.objects.filter(workspace_id=workspace_id).first()


def save_brand(*, workspace_id: int, colour: str, font: str, logo: str) -> Brand:
    """Raises BadBrand."""
    colour = colour.strip().lower()
    with workspace_scope(workspace_id):
        if colour and not COLOUR.fullmatch(colour):
            raise BadBrand(gettext("%(value)r is no colour") % {"value": colour}, "#187a4c")
        if font not in FONTS:
            raise BadBrand(gettext("no font `%s`") % font, ", ".join(FONTS))
        if logo and not PagePicture.objects.filter(workspace_id=workspace_id, name=logo).exists():
            raise BadBrand(gettext("there is no picture %(name)r") % {"name": logo}, gettext("upload it first"))
        brand, _made = Brand.objects.update_or_create(
            workspace_id=workspace_id, defaults={"colour": colour, "font": font, "logo": logo}
        )
        return brand


@dataclass(frozen=True)
class Drawn:
    """A page as HTML in one language, and what its frame says of it. `style`: its colours and its font."""

    language: str
    title: str
    description: str
    blocks: str
    footer: str
    style: str
    logo: str  # an <img>, or nothing
    has_countdown: bool


def draw_page(page: PageVersion, workspace: Workspace, *, language: str, forms: dict[str, str], at: datetime) -> Drawn:
    """`forms`: {key: its HTML}, of those that can be filled in now."""
    brand = brand_of(workspace.id)
    body = page.body
    wanted = [*pictures_in(body), *([brand.logo] if brand and brand.logo else [])]
    policy = PolicyVersion.currents(workspace.id).order_by("key", "-version").first()
    scene = Scene(
        language=language, at=at, time_zone=workspace.time_zone, workspace_slug=workspace.slug,
        workspace_name=workspace.name, pictures=_sizes(workspace.id, wanted), forms=forms,
        policy_address=_policy_address(workspace, policy, language),
        controller=policy.body["controller"] if policy else {},
    )  # fmt: skip
    made: list[Block] = [plugin("blocks", each["kind"])(each["settings"]) for each in body["blocks"]]
    footer = next((each for each in made if each.kind == "footer"), plugin("blocks", "footer")({}))
    shown = [each for each in made if each.kind != "footer"]
    with override(language), timezone.override(ZoneInfo(workspace.time_zone)):
        return Drawn(
            language=language,
            title=body["languages"][language]["title"],
            description=body["languages"][language].get("description", ""),
            blocks="\n".join(each.html(scene, is_first=number == 0) for number, each in enumerate(shown)),
            footer=footer.html(scene),
            style=style_of(THEMES[body["theme"]], brand),
            logo=scene.picture(brand.logo, alt=workspace.name) if brand and brand.logo else "",
            has_countdown=any(each.kind == "countdown" for each in shown),
        )


def _sizes(workspace_id: int, names: list[str]) -> dict[str, tuple[int, int]]:
    found = PagePicture.objects.filter(workspace_id=workspace_id, name__in=names)
    return {name: (width, height) for name, width, height in found.values_list("name", "width", "height")}


def _policy_address(workspace: Workspace, policy: PolicyVersion | None, language: str) -> str:
    if policy is None:
        return ""
    return f"{reverse('public:policy', args=[workspace.slug, policy.key, policy.version])}?lang={language}"
