"""A model card: what was learned, of what, and what it is worth, as Markdown (Mitchell et al., FAT* 2019)."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

Json = dict[str, Any]


def card_of(report: Json, *, name: str) -> str:
    """In the reader's language."""
    return "\n".join(_lines(report, name)) + "\n"


def _lines(report: Json, name: str) -> Iterator[str]:
    yield f"# {name}"
    yield ""
    yield _(
        "Learned from who came to `%(goal)s` within %(days)s days. It puts leads in an order for those who call them;"
        " it decides nothing about anybody."
    ) % {"goal": report["goal"], "days": report["horizon_days"]}
    yield from _of_parts(report)
    yield from _of_models(report)
    yield from _of_rules(report)
    yield from _of_calibration(report)
    yield from _of_excluded(report)


def _of_parts(report: Json) -> Iterator[str]:
    yield from _heading(_("What it was learned from"))
    yield from _table_head(_("part"), _("dates"), _("leads"), _("of these convert"), _("cases"), _("base rate"))
    for key, label in (("training", _("training")), ("validation", _("validation"))):
        part = report[key]
        dates = f"{part['first'][:10]} – {part['last'][:10]}"
        rate = f"{part['base_rate']:.2%}"
        yield _row(label, dates, part["leads"], part["converted_leads"], part["cases"], rate)
    yield ""
    yield _(
        "A case is a lead as of a date, with what was known then. No case that trains looks past the first date that"
        " validates."
    )


def _of_models(report: Json) -> Iterator[str]:
    yield from _heading(_("What it is worth"))
    yield from _table_head(_("model"), _("area under the curve"), _("95 %"), _("average precision"), _("Brier score"))
    for each in report["models"]:
        brier = f"{each['brier']:.4f}" if "brier" in each else "–"
        label = {"scorecard": _("scorecard"), "boosting": _("boosted trees")}.get(each["which"]) or each["name"]
        precision = f"{each['average_precision']:.3f}"
        yield _row(label, f"{each['auc']:.3f}", _between(each["auc_interval"]), precision, brier)
    for each in report["models"]:
        if "scorecard_gains" in each:
            yield ""
            yield _("Against %(model)s the scorecard's area differs by %(gain)s (95 %%: %(interval)s).") % {
                "model": each["name"],
                "gain": f"{each['scorecard_gains']:+.3f}",
                "interval": _between(each["gain_interval"]),
            }


def _of_rules(report: Json) -> Iterator[str]:
    yield from _heading(_("Its rules"))
    yield from _table_head(_("points"), _("rule"), _("cases"), _("rate with it"), _("rate without it"))
    for rule in report["rules"]:
        rates = [_percent(rule["rate_with"]), _percent(rule["rate_without"])]
        yield _row(f"{rule['points']:+d}", rule["words"].replace("|", "\\|"), rule["with_points"], *rates)


def _of_calibration(report: Json) -> Iterator[str]:
    yield from _heading(_("Do its probabilities hold?"))
    for each in report["models"]:
        if "calibration" in each:
            yield {"scorecard": _("Scorecard"), "boosting": _("Boosted trees")}[each["which"]]
            yield ""
            yield from _table_head(_("tenth"), _("said"), _("came"), _("95 %"))
            for row in each["calibration"]:
                between = f"{row['low']:.1%} – {row['high']:.1%}"
                yield _row(row["group"], f"{row['mean_score']:.1%}", f"{row['rate']:.1%}", between)
            yield ""


def _of_excluded(report: Json) -> Iterator[str]:
    yield from _heading(_("What it does not look at"))
    for each in report["excluded"]:
        yield f"- `{each['name']}`: {each['why']}"


def _heading(words: str) -> Iterator[str]:
    yield from ("", f"## {words}", "")


def _table_head(*cells: str) -> Iterator[str]:
    yield _row(*cells)
    yield "|" + "---|" * len(cells)


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"


def _between(interval: list[float] | None) -> str:
    return f"{interval[0]:.3f} – {interval[1]:.3f}" if interval else "–"
