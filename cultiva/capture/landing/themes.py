"""How pages look: a handful of themes, and colours that can be read on them whatever the brand's own colour is."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cultiva.capture.models import Brand

READABLE = 4.5  # WCAG 2.2, 1.4.3: contrast of text
DARKEST, LIGHTEST = "#10151c", "#ffffff"


@dataclass(frozen=True)
class Theme:
    """Colours as #rrggbb. `ground`: of the page; `card`: of what stands out; `band`: behind the first block."""

    label: str | Promise
    ground: str
    card: str
    band: str
    text: str
    soft: str
    line: str
    control: str
    accent: str

    @property
    def is_dark(self) -> bool:
        return luminance(self.ground) < 0.2


THEMES = {
    "garden": Theme(
        _("Garden"), "#ffffff", "#f5f8f5", "#e7f2ea", "#1d2821", "#4d5a52", "#dbe4dd", "#75837a", "#187a4c"
    ),
    "sea": Theme(_("Sea"), "#ffffff", "#f4f7fb", "#e5eef9", "#16233a", "#48566e", "#d6e0ee", "#70809a", "#1f5fbf"),
    "clay": Theme(_("Clay"), "#fffdfa", "#faf4ec", "#f6e9da", "#33241a", "#665343", "#eadccb", "#8f7a67", "#a8461b"),
    "plain": Theme(_("Plain"), "#ffffff", "#f6f6f6", "#f0f0f0", "#1a1a1a", "#555555", "#dedede", "#7c7c7c", "#1a1a1a"),
    "night": Theme(_("Night"), "#12181f", "#1b232d", "#0c1116", "#e8edf3", "#aebac8", "#313c49", "#7d8b9b", "#63c7a0"),
}

FONTS: dict[str, tuple[str | Promise, str]] = {
    "system": (_("The reader's own"), 'system-ui,-apple-system,"Segoe UI",Roboto,sans-serif'),
    "humanist": (_("Humanist"), 'Seravek,"Gill Sans Nova",Ubuntu,Calibri,"DejaVu Sans",source-sans-pro,sans-serif'),
    "geometric": (_("Geometric"), 'Avenir,Montserrat,Corbel,"URW Gothic",source-sans-pro,sans-serif'),
    "serif": (_("Book"), 'Charter,"Bitstream Charter","Sitka Text",Cambria,Georgia,serif'),
    "slab": (_("Slab"), 'Rockwell,"Rockwell Nova","Roboto Slab","DejaVu Serif","Sitka Small",serif'),
}


def style_of(theme: Theme, brand: Brand | None) -> str:
    """The custom properties of `public.css` and `landing.css`, as one rule."""
    accent = readable(brand.colour if brand and brand.colour else theme.accent, theme.ground, theme.card, theme.band)
    on_accent = LIGHTEST if contrast(LIGHTEST, accent) >= READABLE else DARKEST
    deep = readable(mixed(accent, theme.text, 0.25), theme.ground, theme.card, theme.band)
    on_deep = deep if contrast(on_accent, deep) >= READABLE else accent
    wrong = "#f79d8f" if theme.is_dark else "#b3261e"
    colours = {
        "ground": theme.ground, "card": theme.card, "band": theme.band, "line": theme.line, "control": theme.control,
        "text": theme.text, "soft": theme.soft, "accent": accent, "accent-deep": on_deep, "on-accent": on_accent,
        "accent-soft": mixed(theme.card, accent, 0.12), "wrong": wrong, "wrong-soft": mixed(theme.card, wrong, 0.1),
    }  # fmt: skip
    font = FONTS[brand.font if brand and brand.font in FONTS else "system"][1]
    told = "".join(f"--{name}:{value};" for name, value in colours.items())
    return f":root{{color-scheme:{'dark' if theme.is_dark else 'light'};{told}}}body{{font-family:{font}}}"


def readable(colour: str, *grounds: str) -> str:
    """The colour itself, or as little darker (lighter on a dark ground) as it takes to read it on all of these."""
    goal = LIGHTEST if luminance(grounds[0]) < 0.2 else DARKEST
    return next(each for each in _towards(colour, goal) if all(contrast(each, on) >= READABLE for on in grounds))


def _towards(colour: str, goal: str) -> Iterator[str]:
    for step in range(20):
        yield mixed(colour, goal, step / 20)
    yield goal


def mixed(one: str, other: str, share: float) -> str:
    pairs = zip(_parts(one), _parts(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def contrast(one: str, other: str) -> float:
    """1 to 21, as WCAG 2.2 defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Relative, 0 to 1 (WCAG 2.2, definitions)."""
    parts = [part / 255 for part in _parts(colour)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
