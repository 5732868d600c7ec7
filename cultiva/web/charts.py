"""Charts drawn on the server as SVG.

They need no script and obey the strict CSP: presentation attributes only, colours by the classes of app.css,
so that dark mode and print work. Widths are percentages and heights pixels, so that text keeps its size on a
phone. Everything is escaped. Beside each chart stands its table: web/components/chart_table.html.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from math import ceil, floor, log10

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from cultiva.web.templatetags.ui import amount

Number = float | Decimal

PLOT_TOP = 12
PLOT_HEIGHT = 160
AXIS_HEIGHT = 26
FUNNEL_ROW = 54
LABEL_ROOM = 36  # characters that fit under a chart on a phone, about 300 px


def funnel(stages: Sequence[tuple[str, int]], *, title: str = "") -> SafeString:
    """One bar a stage, its share of the stage before beside the count."""
    if not stages:
        return _nothing()
    widest = max(count for _, count in stages) or 1
    before = [None, *(count for _, count in stages[:-1])]
    rows = format_html_join(
        "",
        '<svg y="{}" width="100%" height="44" overflow="visible">'
        '<text class="chart-label" y="15">{}</text>'
        '<text class="chart-value" x="100%" y="15" text-anchor="end">{}'
        '<tspan class="chart-note">{}</tspan></text>'
        '<rect class="chart-track" y="24" width="100%" height="14" rx="7"/>'
        '<rect class="chart-fill chart-fill-{}" y="24" width="{}%" height="14" rx="7"/></svg>',
        (
            (
                place * FUNNEL_ROW,
                label,
                amount(count),
                _share(count, previous),
                min(place, 5),
                _width(count, widest),
            )
            for place, ((label, count), previous) in enumerate(zip(stages, before, strict=True))
        ),
    )
    summary = ", ".join(f"{label}: {amount(count)}" for label, count in stages)
    return _svg(rows, "chart-funnel", FUNNEL_ROW * len(stages) - 10, title or gettext("Funnel"), summary)


def sparkline(values: Sequence[Number], *, title: str = "") -> SafeString:
    """A small line without axes, for a table cell or a headline number."""
    if not values:
        return _nothing()
    heights = [float(value) for value in values]
    low, high = min(heights), max(heights)
    xs = [_place(index, 0, len(values) - 1) * 100 for index in range(len(values))]
    ys = [26 - _place(height, low, high) * 24 for height in heights]
    marks = format_html(
        '<svg viewBox="-2 0 104 28" width="100%" height="28" preserveAspectRatio="none" overflow="visible">'
        '<path class="chart-area" d="{0}V28H{1}Z"/><path class="chart-line" d="{0}"/>'
        '<path class="chart-dot" d="M{2} {3}h0"/></svg>',
        _path(xs, ys),
        _n(xs[0]),
        _n(xs[-1]),
        _n(ys[-1]),
    )
    return _svg(marks, "chart-sparkline", 28, title or gettext("Trend"), _range_in_words(values))


def bars(labels: Sequence[str], values: Sequence[Number], *, title: str = "") -> SafeString:
    """One column a label; values from zero up, such as leads a day."""
    if not values:
        return _nothing()
    if min(values) < 0:
        raise ValueError(f"bars() draws amounts from zero up, not {min(values)}. Use score_line() instead.")
    top = _round_up(float(max(values)))
    slot = 100 / len(values)
    columns = format_html_join(
        "",
        '<rect class="chart-fill" x="{}%" y="{}" width="{}%" height="{}" rx="3"><title>{}: {}</title></rect>',
        (
            (
                _n(index * slot + slot * 0.15),
                _n(_y(float(value), 0, top)),
                _n(slot * 0.7),
                _n(PLOT_HEIGHT * float(value) / top),
                label,
                amount(value),
            )
            for index, (label, value) in enumerate(zip(labels, values, strict=True))
        ),
    )
    every = ceil(len(labels) * (max(map(len, labels)) + 2) / LABEL_ROOM)
    names = format_html_join(
        "",
        '<text class="chart-tick" x="{}%" y="{}" text-anchor="middle">{}</text>',
        (
            (_n((index + 0.5) * slot), PLOT_TOP + PLOT_HEIGHT + 18, label)
            for index, label in enumerate(labels)
            if index % every == 0
        ),
    )
    summary = ", ".join(f"{label}: {amount(value)}" for label, value in zip(labels, values, strict=True))
    marks = _grid(0, top) + columns + names
    return _svg(marks, "chart-axis", PLOT_TOP + PLOT_HEIGHT + AXIS_HEIGHT, title or gettext("Bar chart"), summary)


def score_line(
    points: Sequence[tuple[datetime, Number]],
    *,
    title: str = "",
    bands: Sequence[tuple[Number, str]] = (),
    events: Sequence[tuple[datetime, str]] = (),
) -> SafeString:
    """A score over time, points oldest first; each band is a dashed line at its threshold, with its name.

    Events stand below the line as dots, each with what happened as its title; those outside its times are left out.
    """
    if not points:
        return _nothing()
    times = [at.timestamp() for at, _ in points]
    values = [float(value) for _, value in points]
    low = -_round_up(-min(values)) if min(values) < 0 else 0.0
    high = _round_up(max([*values, *(float(threshold) for threshold, _ in bands)]))
    xs = [_place(time, times[0], times[-1]) * 100 for time in times]
    ys = [_y(value, low, high) for value in values]
    line = format_html(
        '<svg viewBox="0 0 100 {0}" width="100%" height="{0}" preserveAspectRatio="none" overflow="visible">'
        '<path class="chart-area" d="{1}V{2}H{3}Z"/><path class="chart-line" d="{1}"/>'
        '<path class="chart-dot" d="M{4} {5}h0"/></svg>',
        PLOT_TOP + PLOT_HEIGHT,
        _path(xs, ys),
        _n(_y(0, low, high)),
        _n(xs[0]),
        _n(xs[-1]),
        _n(ys[-1]),
    )
    thresholds = format_html_join(
        "",
        '<line class="chart-band" x2="100%" y1="{0}" y2="{0}"/><text class="chart-tick" x="4" y="{1}">{2}</text>',
        ((_n(y), _n(y - 5), name) for threshold, name in bands for y in [_y(float(threshold), low, high)]),
    )
    happened = format_html_join(
        "",
        '<circle class="chart-event" cx="{}%" cy="{}" r="3.5"><title>{}</title></circle>',
        (
            (_n(_place(at.timestamp(), times[0], times[-1]) * 100), PLOT_TOP + PLOT_HEIGHT, what)
            for at, what in events
            if times[0] <= at.timestamp() <= times[-1]
        ),
    )
    marks = _grid(low, high) + line + thresholds + happened + _days([at for at, _ in points])
    return _svg(
        marks,
        "chart-axis",
        PLOT_TOP + PLOT_HEIGHT + AXIS_HEIGHT,
        title or gettext("Score over time"),
        _range_in_words(values),
    )


def shares_over_time(
    times: Sequence[datetime], lines: Sequence[tuple[str, Sequence[tuple[float, float, float] | None]]], *, title: str
) -> SafeString:
    """Shares of 1 over time, in percent, a line a class of app.css (`hot`, `warm`, `cold`) with the interval behind it.

    Each line has, of each time, (share, low, high), or None where nothing is known. Lines differ by their shape, too.
    """
    known = [each for _class, points in lines for each in points if each]
    if not known:
        return _nothing()
    high = _round_up(100 * max(each[2] for each in known))
    marks = _grid(0, high)
    for name, points in lines:
        placed = [
            (_place(at.timestamp(), times[0].timestamp(), times[-1].timestamp()) * 100, *(100 * part for part in each))
            for at, each in zip(times, points, strict=True)
            if each
        ]
        if placed:
            marks += _share_line(name, placed, high)
    summary = "; ".join(
        f"{name}: " + ", ".join(f"{amount(round(100 * each[0], 1))} %" if each else "–" for each in points)
        for name, points in lines
    )
    return _svg(marks + _days(times), "chart-axis", PLOT_TOP + PLOT_HEIGHT + AXIS_HEIGHT, title, summary)


def _share_line(name: str, placed: Sequence[tuple[float, ...]], high: float) -> SafeString:
    xs = [each[0] for each in placed]
    shares, lows, highs = ([_y(each[n], 0, high) for each in placed] for n in (1, 2, 3))
    interval = _path(xs + xs[::-1], highs + lows[::-1]) + "Z"
    dots = format_html_join(
        "", '<path class="share-dot" d="M{} {}h0"/>', ((_n(x), _n(y)) for x, y in zip(xs, shares, strict=True))
    )
    return format_html(
        '<svg class="share-of share-of-{0}" viewBox="0 0 100 {1}" width="100%" height="{1}" preserveAspectRatio="none"'
        ' overflow="visible"><path class="share-interval" d="{2}"/><path class="share-line" d="{3}"/>{4}</svg>',
        name, PLOT_TOP + PLOT_HEIGHT, interval, _path(xs, shares), dots,
    )  # fmt: skip


# Parts


def _svg(marks: SafeString, classes: str, height: int, title: str, summary: str) -> SafeString:
    return format_html(
        '<svg class="chart {}" width="100%" height="{}" role="img" aria-label="{}"><desc>{}</desc>{}</svg>',
        classes,
        height,
        title,
        summary,
        marks,
    )


def _nothing() -> SafeString:
    return format_html('<p class="chart-empty">{}</p>', gettext("Nothing to draw yet"))


def _grid(low: float, high: float) -> SafeString:
    values = sorted({low, 0.0, high / 2, high})
    return format_html_join(
        "",
        '<line class="chart-grid" x2="100%" y1="{0}" y2="{0}"/>'
        '<text class="chart-tick" x="-8" y="{1}" text-anchor="end">{2}</text>',
        ((_n(_y(value, low, high)), _n(_y(value, low, high) + 4), amount(value)) for value in values),
    )


def _days(times: Sequence[datetime]) -> SafeString:
    ends = [(0, "start", times[0]), (100, "end", times[-1])]
    return format_html_join(
        "",
        '<text class="chart-tick" x="{}%" y="{}" text-anchor="{}">{}</text>',
        (
            (x, PLOT_TOP + PLOT_HEIGHT + 18, anchor, date_format(timezone.localtime(at), "SHORT_DATE_FORMAT"))
            for x, anchor, at in ends[: len(times)]
        ),
    )


def _range_in_words(values: Sequence[Number]) -> str:
    return gettext("From %(first)s to %(last)s; lowest %(lowest)s, highest %(highest)s.") % {
        "first": amount(values[0]),
        "last": amount(values[-1]),
        "lowest": amount(min(values)),
        "highest": amount(max(values)),
    }


def _share(count: int, previous: int | None) -> str:
    if not previous:
        return ""
    return " · " + gettext("%(number)s%%") % {"number": amount(round(100 * count / previous))}


# Numbers


def _place(value: float, low: float, high: float) -> float:
    """Where the value lies between low and high, 0..1; in the middle when both are the same."""
    return (value - low) / (high - low) if high > low else 0.5


def _y(value: float, low: float, high: float) -> float:
    return PLOT_TOP + PLOT_HEIGHT * (1 - _place(value, low, high))


def _width(count: int, widest: int) -> str:
    """In percent; what is not zero stays visible."""
    return _n(max(100 * count / widest, 1.0) if count else 0)


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 5, 6, 8, 10 times a power of ten, so that the half is a round number too."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return power * next(step for step in (1, 2, 4, 5, 6, 8, 10) if value <= step * power * (1 + 1e-9))


def _path(xs: Sequence[float], ys: Sequence[float]) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in zip(xs, ys, strict=True))


def _n(value: float) -> str:
    """At most two decimals and no language's format."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
