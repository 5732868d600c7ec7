"""Pictures of rehearsals: columns of several series, curves in the unit square. As charts.py: no script, no style."""

from collections.abc import Sequence
from math import ceil

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from cultiva.web.charts import (
    AXIS_HEIGHT,
    LABEL_ROOM,
    PLOT_HEIGHT,
    PLOT_TOP,
    _grid,
    _n,
    _nothing,
    _path,
    _round_up,
    _svg,
    _y,
)
from cultiva.web.persona_charts import MOST_COLOURS
from cultiva.web.templatetags.ui import amount

Series = Sequence[tuple[str, Sequence[float]]]  # [(name, a value a label)]


def columns(labels: Sequence[str], series: Series, *, title: str, stacked: bool = False) -> SafeString:
    """Columns of each label side by side, or upon each other; values from zero up."""
    if not labels or not series:
        return _nothing()
    totals = [sum(values[n] for _, values in series) if stacked else max(values[n] for _, values in series)
              for n in range(len(labels))]  # fmt: skip
    top, slot = _round_up(float(max(totals))), 100 / len(labels)
    wide = slot * 0.8 if stacked else slot * 0.8 / len(series)
    rows = []
    for n, label in enumerate(labels):
        below = 0.0
        for place, (name, values) in enumerate(series):
            left = n * slot + slot * 0.1 + (0 if stacked else place * wide)
            if values[n]:
                height = PLOT_HEIGHT * float(values[n]) / top
                y = _y(below + float(values[n]), 0, top)
                rows.append((place % MOST_COLOURS, _n(left), _n(y), _n(wide * 0.94), _n(height), label, name,
                             amount(values[n])))  # fmt: skip
            below += float(values[n]) if stacked else 0
    marks = format_html_join(
        "",
        '<rect class="group-mark group-{}" x="{}%" y="{}" width="{}%" height="{}"><title>{} · {}: {}</title></rect>',
        rows,
    )
    summary = "; ".join(
        f"{name}: {', '.join(f'{label}: {amount(value)}' for label, value in zip(labels, values, strict=True))}"
        for name, values in series
    )
    drawn = _grid(0, top) + marks + _labels(labels)
    return _svg(drawn, "chart-axis", PLOT_TOP + PLOT_HEIGHT + AXIS_HEIGHT, title, summary)


def curves(series: Sequence[tuple[str, Sequence[Sequence[float]]]], *, title: str, diagonal: bool) -> SafeString:
    """Lines of [x, y] from 0 to 1; with `diagonal` also that of chance."""
    lines = [(place, points) for place, (_, points) in enumerate(series) if points]
    if not lines:
        return _nothing()
    drawn = format_html_join(
        "",
        '<path class="rehearsal-line rehearsal-line-{}" d="{}"/>',
        (
            (place % MOST_COLOURS, _path([100 * x for x, _ in points], [_y(y, 0, 1) for _, y in points]))
            for place, points in lines
        ),
    )
    chance = format_html('<path class="chart-grid" d="M0 {}L100 {}"/>', _n(_y(0, 0, 1)), _n(_y(1, 0, 1)))
    square = format_html(
        '<svg viewBox="0 0 100 {0}" width="100%" height="{0}" preserveAspectRatio="none" overflow="visible">'
        "{1}{2}</svg>",
        PLOT_TOP + PLOT_HEIGHT,
        chance if diagonal else "",
        drawn,
    )
    names = ["0", "25 %", "50 %", "75 %", "100 %"]
    ticks = format_html_join(
        "",
        '<text class="chart-tick" x="{}%" y="{}" text-anchor="{}">{}</text>',
        (
            (25 * n, PLOT_TOP + PLOT_HEIGHT + 18, "start" if n == 0 else "end" if n == 4 else "middle", name)
            for n, name in enumerate(names)
        ),
    )
    sides = format_html_join(
        "",
        '<text class="chart-tick" x="-8" y="{}" text-anchor="end">{}</text>',
        ((_n(_y(n / 4, 0, 1) + 4), names[n]) for n in range(5)),
    )
    summary = "; ".join(f"{name}: {gettext('%(count)s points') % {'count': len(points)}}" for name, points in series)
    return _svg(square + ticks + sides, "chart-axis", PLOT_TOP + PLOT_HEIGHT + AXIS_HEIGHT, title, summary)


def _labels(labels: Sequence[str]) -> SafeString:
    every = ceil(len(labels) * (max(map(len, labels)) + 2) / LABEL_ROOM)
    slot = 100 / len(labels)
    return format_html_join(
        "",
        '<text class="chart-tick" x="{}%" y="{}" text-anchor="middle">{}</text>',
        (
            (_n((n + 0.5) * slot), PLOT_TOP + PLOT_HEIGHT + 18, label)
            for n, label in enumerate(labels)
            if n % every == 0
        ),
    )
