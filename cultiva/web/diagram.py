"""The picture of a workflow, drawn on the server: one box a node, top to bottom."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y = 210, 56, 30, 46
SIDE = 170  # room for the ways that go round
MARGIN = 16


@dataclass(frozen=True)
class Box:
    """A node as it is drawn: what it is called, what it does in words, how many leads are at it, where it leads."""

    key: str
    kind: str
    words: str
    inside: int
    targets: list[tuple[str, str]]  # [(node, label of the way)]


def draw(boxes: Mapping[str, Box], start: str) -> SafeString:
    """An SVG of the graph; its text alternative is the table beside it."""
    rows = layers(boxes, start)
    widest = max(len(row) for row in rows)
    width = widest * (BOX_WIDTH + GAP_X) - GAP_X + 2 * MARGIN + 2 * SIDE
    height = len(rows) * (BOX_HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN
    places = {}
    for y, row in enumerate(rows):
        offset = (width - len(row) * (BOX_WIDTH + GAP_X) + GAP_X) / 2
        for x, key in enumerate(row):
            places[key] = (offset + x * (BOX_WIDTH + GAP_X), MARGIN + y * (BOX_HEIGHT + GAP_Y))
    edges = [
        _edge(places[key], places[target], label, width - MARGIN)
        for key in places for target, label in boxes[key].targets if target in places
    ]  # fmt: skip
    return format_html(
        '<svg class="flow" role="img" aria-label="{}" width="{}" height="{}" viewBox="0 0 {} {}">'
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path class="flow-arrow" d="M0 0 8 4 0 8z"/></marker></defs>{}{}</svg>',
        _("The steps of the workflow, from top to bottom"),
        round(width), height, round(width), height,
        format_html_join("", "{}", ((edge,) for edge in edges)),
        format_html_join("", "{}", ((_box(boxes[key], *places[key]),) for key in places)),
    )  # fmt: skip


def layers(boxes: Mapping[str, Box], start: str) -> list[list[str]]:
    """Nodes by their longest way from the start, so that arrows point down; loops count once."""
    depth: dict[str, int] = {}

    def visit(key: str, level: int, way: tuple[str, ...]) -> None:
        if key in way or key not in boxes or depth.get(key, -1) >= level:
            return
        depth[key] = level
        for target, _label in boxes[key].targets:
            visit(target, level + 1, (*way, key))

    visit(start, 0, ())
    rows: list[list[str]] = [[] for _level in range(max(depth.values()) + 1)]
    for key in boxes:
        if key in depth:
            rows[depth[key]].append(key)
    return [row for row in rows if row]


def _box(box: Box, x: float, y: float) -> SafeString:
    count = SafeString("")
    if box.inside:
        title = ngettext("%(n)d lead here", "%(n)d leads here", box.inside) % {"n": box.inside}
        count = format_html(
            '<g><title>{}</title><rect class="flow-count" x="{}" y="{}" width="34" height="18" rx="9"/>'
            '<text class="flow-count-text" x="{}" y="{}" text-anchor="middle">{}</text></g>',
            title, x + BOX_WIDTH - 42, y - 9, x + BOX_WIDTH - 25, y + 4, box.inside,
        )  # fmt: skip
    return format_html(
        '<g><title>{}: {}</title><rect class="flow-box flow-box-{}" x="{}" y="{}" width="{}" height="{}" rx="10"/>'
        '<text class="flow-title" x="{}" y="{}">{}</text><text class="flow-words" x="{}" y="{}">{}</text>{}</g>',
        box.key, box.words, box.kind, x, y, BOX_WIDTH, BOX_HEIGHT,
        x + 14, y + 23, _cut(box.key, 26), x + 14, y + 42, _cut(box.words, 31), count,
    )  # fmt: skip


def _edge(start: tuple[float, float], end: tuple[float, float], label: str, side: float) -> SafeString:
    """Straight down to the next row; further down, out by the right side so that no box hides it."""
    x1, y1 = start[0] + BOX_WIDTH / 2, start[1] + BOX_HEIGHT
    x2, y2 = end[0] + BOX_WIDTH / 2, end[1] - 2
    middle = (y1 + y2) / 2
    way, at = f"M{x1} {y1} C{x1} {middle} {x2} {middle} {x2} {y2}", ((x1 + x2) / 2 + 8, middle + 4)
    if end[1] - start[1] > BOX_HEIGHT + GAP_Y:
        x1, y1, x2, y2 = (
            start[0] + BOX_WIDTH,
            start[1] + BOX_HEIGHT / 2,
            end[0] + BOX_WIDTH + 2,
            end[1] + BOX_HEIGHT / 2,
        )
        way, at = f"M{x1} {y1} C{side} {y1} {side} {y2} {x2} {y2}", (x1 + 12, y1 - 8)
    return format_html(
        '<path class="flow-edge" marker-end="url(#arrow)" d="{}"/><text class="flow-words" x="{}" y="{}">{}</text>',
        way, *at, label,
    )  # fmt: skip


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
