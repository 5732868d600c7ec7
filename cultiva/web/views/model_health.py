"""How a scoring model fares: bands and what became of them, the spread of scores, rules to look at, who has none."""

from collections.abc import Iterator
from datetime import datetime, time
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cultiva.lib.languages import reader_language
from cultiva.scoring.health import TEMPERATURES, UNSCORED, WITHIN, BandShare, Health, Month, RuleHealth, health_of
from cultiva.scoring.models import ModelVersion, ScoreDay
from cultiva.web.charts import bars, shares_over_time, sparkline
from cultiva.web.staff import StaffRequest, staff_screen
from cultiva.web.templatetags.ui import amount
from cultiva.web.views.documents import current_or_404
from cultiva.web.words import temperature_words

HISTOGRAMS = 4  # months that are compared


@staff_screen()
def model_health(request: StaffRequest, key: str) -> HttpResponse:
    version = current_or_404(ModelVersion, request, key)
    found = health_of(version, request.staff.at)
    context = {
        "page_title": _("Health of %(model)s") % {"model": version.name},
        "model": version,
        "health": found,
        "conversions": [_conversions(found, days) for days in WITHIN] if found.months else [],
        "spread": list(_spread(found)),
        "rules": [_rule(rule, found.latest.leads) for rule in found.rules] if found.latest else [],
        "unscored": _unscored(found),
        "bands": [(band, temperature_words()[band]) for band in TEMPERATURES],
    }
    return render(request, "web/model_health.html", context)


def _conversions(found: Health, days: int) -> dict[str, Any]:
    """{days, chart, rows: [(month, [words of each band])]}, the rows newest first."""
    lines = [
        (band, [_interval(month.bands[days][place]) for month in found.months])
        for place, band in enumerate(TEMPERATURES)
    ]
    title = _("Conversion within %(days)s days, by band at the beginning of the month") % {"days": days}
    times = [timezone.make_aware(datetime.combine(month.day, time())) for month in found.months]
    return {
        "days": days,
        "chart": shares_over_time(times, lines, title=title),
        "rows": [
            (_month_words(month), [_share_words(each) for each in month.bands[days]])
            for month in reversed(found.months)
        ],
    }


def _interval(found: BandShare) -> tuple[float, float, float] | None:
    if found.share is None or found.low is None or found.high is None:
        return None
    return found.share, found.low, found.high


def _share_words(found: BandShare) -> str:
    if found.share is None or found.low is None or found.high is None:
        return "–"
    return _("%(converted)s of %(leads)s: %(share)s %% (%(low)s–%(high)s)") % {
        "converted": found.converted, "leads": found.leads, "share": amount(round(100 * found.share, 1)),
        "low": amount(round(100 * found.low, 1)), "high": amount(round(100 * found.high, 1)),
    }  # fmt: skip


def _month_words(month: Month) -> str:
    return date_format(month.day, "F Y")


def _spread(found: Health) -> Iterator[dict[str, Any]]:
    """The latest day, and the first days of the months before."""
    months = [day for day in found.days[:-1] if day.day.day == 1 and day.buckets.get("leads")]
    latest = [day for day in found.days[-1:] if day.buckets.get("leads")]
    for day in [*months[-HISTOGRAMS + 1 :], *latest][::-1]:
        labels = _labels(day)
        yield {
            "day": day.day,
            "leads": sum(day.buckets["leads"]),
            "chart": bars(labels, day.buckets["leads"], title=_("Leads by score")),
            "rows": list(zip(labels, day.buckets["leads"], strict=True)),
        }


def _labels(day: ScoreDay) -> list[str]:
    low, width = day.buckets["low"], day.buckets["width"]
    return [amount(low + n * width) for n in range(len(day.buckets["leads"]))]


def _rule(rule: RuleHealth, leads: int) -> dict[str, Any]:
    return {
        "words": rule.words[reader_language()],
        "leads": rule.leads,
        "of_leads": round(100 * rule.leads / leads) if leads else 0,
        "share": round(100 * rule.share, 1),
        "chart": sparkline([round(100 * each, 1) for each in rule.shares], title=_("Share of the points, by month")),
        "finding": rule.finding,
    }


def _unscored(found: Health) -> list[tuple[str, int, int]]:
    """(why, leads, percent of all leads) of the latest day."""
    words = {
        "not_valid": _("not valid: no privacy policy accepted"),
        "objected": _("objected to profiling"),
        "no_basis": _("no basis for profiling"),
        "new": _("new: will be scored in a moment"),
    }
    if not found.latest:
        return []
    counts = found.latest.unscored
    everybody = found.latest.leads + sum(counts.values())
    return [(words[why], counts.get(why, 0), round(100 * counts.get(why, 0) / (everybody or 1))) for why in UNSCORED]
