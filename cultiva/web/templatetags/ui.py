"""How a value looks on the staff's and the visitors' screens."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import segno
from django import template
from django.forms import BoundField, CheckboxInput, Select
from django.forms.boundfield import BoundWidget
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext_lazy

register = template.Library()

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"

UNITS = [
    (
        timedelta(days=365),
        ngettext_lazy("%(n)d year ago", "%(n)d years ago", "n"),
        ngettext_lazy("in %(n)d year", "in %(n)d years", "n"),
    ),
    (
        timedelta(days=30),
        ngettext_lazy("%(n)d month ago", "%(n)d months ago", "n"),
        ngettext_lazy("in %(n)d month", "in %(n)d months", "n"),
    ),
    (
        timedelta(days=1),
        ngettext_lazy("%(n)d day ago", "%(n)d days ago", "n"),
        ngettext_lazy("in %(n)d day", "in %(n)d days", "n"),
    ),
    (
        timedelta(hours=1),
        ngettext_lazy("%(n)d h ago", "%(n)d h ago", "n"),
        ngettext_lazy("in %(n)d h", "in %(n)d h", "n"),
    ),
    (
        timedelta(minutes=1),
        ngettext_lazy("%(n)d min ago", "%(n)d min ago", "n"),
        ngettext_lazy("in %(n)d min", "in %(n)d min", "n"),
    ),
]


# Icons and navigation


@register.simple_tag
def icon(name: str, classes: str = "", *, label: str = "") -> SafeString:
    """A symbol of cultiva/icons.svg. Without a label it is decoration and hidden from screen readers."""
    speech = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="icon {}" width="20" height="20" {} focusable="false"><use href="{}#{}"/></svg>',
        classes,
        speech,
        static("cultiva/icons.svg"),
        name,
    )


@register.simple_tag
def qr_code(address: str) -> str:
    """An address as a QR code: a data URI of SVG, dark on light whatever the screen's colours, as readers need it."""
    return segno.make_qr(address, error="m").svg_data_uri(scale=4, light="white", omitsize=False)


@register.inclusion_tag("web/_nav_item.html", takes_context=True)
def nav_item(
    context: template.Context, url_name: str, icon_name: str, label: str, count: int | None = None
) -> dict[str, Any]:
    """One line of the sidebar; nothing where the page is not installed. Active on the page and below it."""
    try:
        href = reverse(url_name)
    except NoReverseMatch:
        return {"href": None}
    request = context.get("request")
    path = request.path if request else ""
    is_active = path == href if url_name == "web:home" else path.startswith(href)
    return {"href": href, "icon": icon_name, "label": label, "count": count, "is_active": is_active}


# Forms


@register.filter
def add_class(field: BoundField, classes: str) -> SafeString:
    """The field's control with these classes besides its own."""
    own = field.field.widget.attrs.get("class", "")
    return field.as_widget(attrs={"class": f"{own} {classes}".strip()})


@register.filter
def control(field: BoundField) -> SafeString:
    """The field's control in Tabler's look, marked when it has errors."""
    widget = field.field.widget
    look = "form-control"
    if isinstance(widget, CheckboxInput):
        look = "form-check-input"
    elif isinstance(widget, Select):
        look = "form-select"
    return add_class(field, f"{look} is-invalid" if field.errors else look)


@register.filter
def choices(field: BoundField) -> Iterator[BoundWidget]:
    """The radio buttons or check boxes of a field, each in Tabler's look."""
    for choice in field.subwidgets:
        choice.data["attrs"]["class"] = "form-check-input"
        yield choice


@register.inclusion_tag("web/components/criteria_builder.html")
def criteria_builder(field: BoundField) -> dict[str, Any]:
    """The component that builds criteria around the text area of a `CriteriaField`; without scripts, that alone."""
    return {"field": field}


# Time


@register.filter
def ago(value: datetime | None, now: datetime) -> str:
    """`3 h ago` or `in 2 days`, seen from the product's time."""
    if value is None:
        return ""
    distance = abs(now - value)
    for unit, past, future in UNITS:
        if distance >= unit:
            return str((past if value <= now else future) % {"n": distance // unit})
    return gettext("just now")


@register.simple_tag
def when(value: datetime | None, now: datetime) -> SafeString:
    """`ago`, with the exact local time on hover and for machines."""
    if value is None:
        return SafeString("")
    local = timezone.localtime(value)
    exact = date_format(local, "SHORT_DATETIME_FORMAT")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        exact,
        ago(value, now),
    )


@register.filter
def duration(value: timedelta | float | None) -> str:
    """The two largest units: `2 d 4 h`, `3 h 20 min`, `45 s`. A number means seconds. Same in es and en."""
    if value is None:
        return ""
    seconds = round(value.total_seconds() if isinstance(value, timedelta) else value)
    minutes, rest = divmod(abs(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    amounts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next((i for i, (amount, _) in enumerate(amounts) if amount), len(amounts) - 1)
    parts = [f"{amount}{NBSP}{unit}" for amount, unit in amounts[first : first + 2] if amount]
    return (MINUS if seconds < 0 else "") + (" ".join(parts) or f"0{NBSP}s")


# Numbers


@register.simple_tag
def meter(label: str, value: float, low: float, high: float, temperature: str = "") -> SafeString:
    """A bar from zero to the value on a scale from low to high; what lies outside is cut."""

    def place(number: float) -> float:
        share = (float(number) - float(low)) / (float(high) - float(low))
        return round(min(max(share, 0), 1) * 100, 2)

    start, end = sorted([place(0), place(value)])
    return format_html(
        '<svg class="meter meter-{}" role="meter" aria-label="{}" aria-valuenow="{}" aria-valuemin="{}"'
        ' aria-valuemax="{}" width="100%" height="8">'
        '<rect class="chart-track" width="100%" height="8" rx="4"/>'
        '<rect class="meter-fill" x="{}%" width="{}%" height="8" rx="4"/></svg>',
        temperature or "plain",
        label,
        value,
        low,
        high,
        start,
        round(end - start, 2),
    )


@register.filter
def points(value: Decimal | float | None) -> str:
    """`+12`, `−3.5`, `0`: signed, at most two decimals, in the reader's number format; nothing for null."""
    if value is None:
        return ""
    sign = "+" if _rounded(value) > 0 else ""
    return sign + amount(value)


@register.filter
def amount(value: Decimal | float | None) -> str:
    """`points` without the plus sign: a score, a count, a threshold."""
    if value is None:
        return ""
    number = _rounded(value)
    decimals = max(0, -int(number.as_tuple().exponent))
    return number_format(number, decimals, use_l10n=True, force_grouping=True).replace("-", MINUS)


def _rounded(value: Decimal | float) -> Decimal:
    number = Decimal(str(value)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    whole = number.to_integral_value()
    return abs(whole) if not number else whole if number == whole else number.normalize()
