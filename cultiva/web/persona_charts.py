"""Pictures of groups: where their leads lie, and what they have more of. As charts.py: no script, no inline style."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from cultiva.web.charts import _n, _svg

HEIGHT = 260
MOST_COLOURS = 6


def scatter(points: Sequence[Sequence[float]], names: Sequence[str]) -> SafeString:
    """A point a lead, [x, y, group or -1]; groups differ by shape as well as by colour."""
    marks = format_html_join(
        "",
        '<svg x="{}%" y="{}" width="10" height="10" overflow="visible" class="group-mark group-{}">{}</svg>',
        (
            (_n(2 + 96 * x), _n(8 + (HEIGHT - 20) * (1 - y)), _class(int(group)), _shape(int(group)))
            for x, y, group in points
        ),
    )
    title = gettext("Where the leads of each group lie: near each other means alike")
    return _svg(marks, "chart-scatter", HEIGHT, title, ", ".join(names))


def legend_mark(group: int) -> SafeString:
    return format_html(
        '<svg width="14" height="14" viewBox="-7 -7 14 14" class="group-mark group-{}" aria-hidden="true">{}</svg>',
        _class(group), _shape(group),
    )  # fmt: skip


def _class(group: int) -> str:
    return "none" if group < 0 else str(group % MOST_COLOURS)


def _shape(group: int) -> SafeString:
    shapes = (
        '<circle r="4"/>', '<path d="M-4 -4H4V4H-4Z"/>', '<path d="M0 -5L5 4H-5Z"/>',
        '<path d="M0 -5.5L5.5 0L0 5.5L-5.5 0Z"/>',
        '<path d="M0 5L5 -4H-5Z"/>', '<path d="M-5 -1.5H-1.5V-5H1.5V-1.5H5V1.5H1.5V5H-1.5V1.5H-5Z"/>',
    )  # fmt: skip
    return SafeString('<circle r="2"/>' if group < 0 else shapes[group % len(shapes)])


def trait_bar(inside: float, others: float) -> SafeString:
    """The share in the group, and below it the thin one among the others; the words beside it say what of."""
    marks = format_html(
        '<rect class="chart-track" width="100%" height="8" rx="4"/>'
        '<rect class="chart-fill" width="{}%" height="8" rx="4"/>'
        '<rect class="chart-other" y="10" width="{}%" height="4" rx="2"/>',
        _n(100 * inside), _n(max(100 * others, 0.5)),
    )  # fmt: skip
    said = f"{round(100 * inside)} % / {round(100 * others)} %"
    return _svg(marks, "chart-trait", 14, gettext("In the group, and among the others"), said)
