"""Landing pages: colours that can be read, and pages as files."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cultiva.capture.landing.actions import publish_page
from cultiva.capture.landing.pictures import add_picture
from cultiva.capture.landing.themes import READABLE, THEMES, contrast, readable, style_of
from cultiva.capture.models import Brand, PageVersion
from cultiva.capture.tests.documents import publish_all
from cultiva.capture.tests.pages import PAGE, make_png
from cultiva.documents.applying import apply_folder
from cultiva.lib.documents import DocumentError


@pytest.mark.parametrize("name", THEMES)
def test_every_theme_can_be_read(name: str) -> None:
    theme = THEMES[name]
    for ground in (theme.ground, theme.card, theme.band):
        assert contrast(theme.text, ground) >= 7
        assert contrast(theme.soft, ground) >= READABLE
    assert contrast(theme.control, theme.ground) >= 3  # WCAG 2.2, 1.4.11


@settings(max_examples=150, deadline=None)
@given(colour=st.integers(0, 0xFFFFFF), name=st.sampled_from(sorted(THEMES)))
def test_any_brand_can_be_read_on_any_theme(colour: int, name: str) -> None:
    theme, wanted = THEMES[name], f"#{colour:06x}"
    style = dict(
        each.split(":") for each in style_of(theme, Brand(colour=wanted)).split("}")[0].split("{")[1].split(";") if each
    )
    for ground in (theme.ground, theme.card, theme.band):
        assert contrast(style["--accent"], ground) >= READABLE
        assert contrast(style["--accent-deep"], ground) >= READABLE
    for ground in ("--accent", "--accent-deep"):
        assert contrast(style["--on-accent"], style[ground]) >= READABLE
    if all(contrast(wanted, ground) >= READABLE for ground in (theme.ground, theme.card, theme.band)):
        assert readable(wanted, theme.ground, theme.card, theme.band) == wanted


def test_a_page_is_a_file_with_its_pictures(huerta: Any, at: datetime, tmp_path: Path) -> None:
    publish_all(huerta.id, at)
    (tmp_path / "pages" / "guia-riego").mkdir(parents=True)
    (tmp_path / "pages" / "guia-riego.yaml").write_text(PAGE)
    (tmp_path / "pages" / "guia-riego" / "huerto.png").write_bytes(make_png())
    first, second = (apply_folder(workspace_id=huerta.id, folder=tmp_path, by="test", at=at) for _ in range(2))
    assert PageVersion.objects.get(workspace_id=huerta.id).version == 1
    assert [[step.status for step in plan.steps] for plan in (first, second)] == [["created"], ["unchanged"]]


def test_a_published_version_never_changes(huerta: Any, at: datetime) -> None:
    publish_all(huerta.id, at)
    add_picture(workspace_id=huerta.id, name="huerto.png", content=make_png(), at=at)
    first = publish_page(workspace_id=huerta.id, text=PAGE, at=at)
    second = publish_page(workspace_id=huerta.id, text=PAGE.replace("sea", "clay"), at=at + timedelta(days=1))
    assert (first.version, second.version) == (1, 2)
    assert PageVersion.objects.get(id=first.id).body == first.body
    with pytest.raises(DocumentError, match="more than one `form`"):
        publish_page(workspace_id=huerta.id, text=PAGE + "  - {kind: form, form: guia}\n", at=at)
