"""Charts, filters and the parts of a page that every screen uses."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django import forms
from django.template import Context, Template
from django.template.loader import get_template
from django.utils import translation
from django.utils.safestring import SafeString

from cultiva.web import charts
from cultiva.web.templatetags.ui import amount, duration, points

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
CULTIVA = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


def render(source: str, **context: object) -> str:
    return Template("{% load ui %}" + source).render(Context(context))


def a_chart(name: str, label: str = "Lead") -> SafeString:
    days = [NOW - timedelta(days=9), NOW - timedelta(days=4), NOW]
    return {
        "funnel": lambda: charts.funnel([(label, 200), ("Customer", 50)], title=label),
        "sparkline": lambda: charts.sparkline([1, 5, 3], title=label),
        "bars": lambda: charts.bars([label, "B"], [3, 4.5], title=label),
        "score_line": lambda: charts.score_line(
            list(zip(days, [0.0, 12.5, 31.0], strict=True)), title=label, bands=[(25, label)]
        ),
    }[name]()


CHARTS = ["funnel", "sparkline", "bars", "score_line"]


class TestCharts:
    @pytest.mark.parametrize("name", CHARTS)
    def test_a_chart_is_well_formed_and_says_what_it_shows(self, name: str) -> None:
        svg = ElementTree.fromstring(a_chart(name))
        assert svg.get("role") == "img"
        assert svg.get("aria-label") == "Lead"
        assert svg.findtext("desc")

    @pytest.mark.parametrize("name", CHARTS)
    def test_a_chart_has_nothing_that_the_csp_refuses(self, name: str) -> None:
        chart = a_chart(name)
        assert "style" not in chart
        assert "<script" not in chart
        assert not re.search(r"\son\w+=", chart)

    @pytest.mark.parametrize("name", CHARTS)
    def test_labels_are_escaped(self, name: str) -> None:
        chart = a_chart(name, label='<script>alert("x")</script>')
        assert "<script" not in chart
        assert "&lt;script&gt;" in chart

    @pytest.mark.parametrize("name", CHARTS)
    def test_coordinates_do_not_follow_the_language(self, name: str) -> None:
        with translation.override("es"):
            svg = ElementTree.fromstring(a_chart(name))
        for mark in svg.iter():
            for attribute in ("x", "y", "width", "height", "y1", "d"):
                assert "," not in mark.get(attribute, ""), (mark.tag, attribute)

    @pytest.mark.parametrize("draw", ["funnel", "sparkline", "score_line"])
    def test_an_empty_chart_says_so(self, draw: str) -> None:
        assert "Nothing to draw yet" in getattr(charts, draw)([])
        assert "Nothing to draw yet" in charts.bars([], [])

    def test_a_funnel_tells_the_share_of_the_stage_before(self) -> None:
        chart = a_chart("funnel")
        assert "25%" in chart
        assert 'width="25%"' in chart

    def test_a_stage_with_few_leads_stays_visible(self) -> None:
        assert 'width="1%"' in charts.funnel([("Lead", 100_000), ("Customer", 1)])
        assert 'width="0%"' in charts.funnel([("Lead", 100_000), ("Customer", 0)])

    def test_equal_values_draw_a_line_in_the_middle(self) -> None:
        assert "M0 14L50 14L100 14" in charts.sparkline([7, 7, 7])

    def test_a_score_below_zero_stays_inside_the_plot(self) -> None:
        chart = charts.score_line([(NOW - timedelta(days=1), -20), (NOW, 40)])
        assert "−20" in chart
        assert "M0 172L100 12" in chart

    def test_decimals_are_drawn_too(self) -> None:
        assert "M0 172L100 52" in charts.score_line([(NOW - timedelta(days=1), Decimal(0)), (NOW, Decimal("1.5"))])

    def test_bars_refuse_values_below_zero(self) -> None:
        with pytest.raises(ValueError, match=r"from zero up, not -1"):
            charts.bars(["a"], [-1])

    @pytest.mark.parametrize(
        ("value", "rounded"), [(0, 1), (1, 1), (3, 4), (7, 8), (48, 50), (61, 80), (99, 100), (0.3, 0.4)]
    )
    def test_an_axis_ends_at_a_round_number(self, value: Any, rounded: float) -> None:
        assert charts._round_up(value) == pytest.approx(rounded)


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (12, "+12"),
            (-3.5, "−3.5"),
            (0, "0"),
            (-0.001, "0"),
            (Decimal("0.125"), "+0.13"),
            (Decimal("2.50"), "+2.5"),
            (100, "+100"),
            (12480, "+12,480"),
            (None, ""),
        ],
    )
    def test_points_are_signed_and_short(self, value: Any, text: str) -> None:
        assert points(value) == text

    def test_points_follow_the_language(self) -> None:
        with translation.override("es"):
            assert points(-3.5) == "−3,5"

    def test_an_amount_has_no_plus_sign(self) -> None:
        assert amount(12) == "12"

    def test_a_meter_is_filled_from_zero(self) -> None:
        svg = ElementTree.fromstring(render('{% meter "Fit" 50 -100 100 "hot" %}'))
        _track, fill = svg
        assert (fill.get("x"), fill.get("width")) == ("50.0%", "25.0%")
        assert (svg.get("role"), svg.get("aria-valuenow")) == ("meter", "50")


class TestTime:
    @pytest.mark.parametrize(
        ("distance", "text"),
        [
            (timedelta(seconds=20), "just now"),
            (timedelta(minutes=5), "5 min ago"),
            (timedelta(hours=3, minutes=50), "3 h ago"),
            (timedelta(days=1), "1 day ago"),
            (timedelta(days=40), "1 month ago"),
            (timedelta(days=800), "2 years ago"),
            (timedelta(hours=-3), "in 3 h"),
            (timedelta(days=-2), "in 2 days"),
        ],
    )
    def test_ago_is_seen_from_the_products_time(self, distance: timedelta, text: str) -> None:
        assert render("{{ at|ago:now }}", at=NOW - distance, now=NOW) == text

    def test_never_is_empty(self) -> None:
        assert render("{{ at|ago:now }}{% when at now %}", at=None, now=NOW) == ""

    def test_when_keeps_the_exact_time(self) -> None:
        html = render("{% when at now %}", at=NOW - timedelta(hours=3), now=NOW)
        assert ">3 h ago</time>" in html
        [exact] = re.findall(r'datetime="([^"]+)"', html)
        assert datetime.fromisoformat(exact) == NOW - timedelta(hours=3)

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (timedelta(hours=3, minutes=20), "3 h 20 min"),
            (timedelta(days=2, hours=4, minutes=59), "2 d 4 h"),
            (timedelta(hours=1), "1 h"),
            (45, "45 s"),
            (0, "0 s"),
            (timedelta(minutes=-5), "−5 min"),
        ],
    )
    def test_a_duration_has_its_two_largest_units(self, value: Any, text: str) -> None:
        assert duration(value).replace("\N{NO-BREAK SPACE}", " ") == text


class TestFields:
    def test_a_field_links_its_help_and_its_errors(self) -> None:
        class Form(forms.Form):
            name = forms.CharField(help_text="<b>As people see it.</b>")

        html = render('{% include "web/components/field.html" with field=form.name %}', form=Form({}))
        described = re.findall(r'aria-describedby="(.+?) (.+?)"', html)[0]
        assert described == ("id_name_helptext", "id_name_error")
        assert all(f'id="{name}"' in html for name in described)
        assert 'aria-invalid="true"' in html
        assert 'class="form-control is-invalid"' in html
        assert "&lt;b&gt;" in html

    def test_a_group_of_choices_has_a_legend(self) -> None:
        class Form(forms.Form):
            goal = forms.ChoiceField(choices=[("a", "Content"), ("b", "Quote")], widget=forms.RadioSelect)

        html = render('{% include "web/components/field.html" with field=form.goal %}', form=Form())
        assert re.search(r"<legend[^>]*>Goal</legend>", html)
        assert html.count('class="form-check-input"') == 2

    def test_a_class_is_added_to_the_fields_own(self) -> None:
        class Form(forms.Form):
            name = forms.CharField(widget=forms.TextInput(attrs={"class": "wide"}))

        assert 'class="wide form-control"' in render('{{ form.name|add_class:"form-control" }}', form=Form())


class TestTemplates:
    def test_every_icon_is_in_the_sprite(self) -> None:
        sprite = set(re.findall(r'<symbol id="([^"]+)"', (CULTIVA / "static/cultiva/icons.svg").read_text()))
        for template in (CULTIVA / "web/templates").rglob("*.html"):
            text = template.read_text()
            named = re.findall(r'(?:{% icon|nav_item "[^"]+"|icon_name(?:\|default:|=)) ?"([^"]+)"', text)
            assert set(named) <= sprite, f"{template.name}: see frontend/icons.txt"

    def test_no_template_has_what_the_csp_or_htmx_rules_refuse(self) -> None:
        refused = r"<style|\sstyle=|\son[a-z]+=|hx-on|[\"']js:|javascript:|<script(?![^>]*\ssrc=)"
        for template in (CULTIVA / "web/templates").rglob("*.html"):
            assert not re.search(refused, template.read_text()), template.name

    def test_the_500_page_needs_no_context(self) -> None:
        assert "Something went wrong" in get_template("500.html").render()
