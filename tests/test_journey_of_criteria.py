"""Criteria built on the screen, by mouse and by keyboard alone, in a real browser against the running product."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from cultiva.lib.documents import read_document
from tests.browser import LOOKS, Browser, picture, serious_violations, signed_in
from tests.product import Product
from tests.smtp_sink import Sink

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
# The example of docs/reference/criteria.md, as the component writes it.
EXAMPLE = """\
all:
  - {attribute: country, is: ES}
  - any:
      - {attribute: job_title, contains_any: [director, gerente]}
      - {attribute: employees, between: [50, 1000]}
  - {event: page, where: [{property: path, starts_with: /precios}], times: {at_least: 3}, within_days: 30}
  - not: {event: purchase}"""


@pytest.fixture(scope="module")
def staff(running: tuple[Product, Sink, Browser]) -> Iterator[Page]:
    product, _sink, chromium = running
    page = signed_in(product, chromium, locale="es-ES")
    yield page
    page.context.close()


@pytest.fixture
def builder(running: tuple[Product, Sink, Browser], staff: Page) -> Page:
    """The list of leads with an empty filter open."""
    product, _sink, _chromium = running
    staff.set_viewport_size(DESK)  # type: ignore[arg-type]
    staff.goto(product.url + "/leads")
    staff.locator(".criteria-filter > summary").click()
    expect(staff.locator(".criteria-build")).to_be_visible()
    return staff


def part(page: Page, key: str) -> Locator:
    return page.locator(f'[data-key="{key}"]')


def node(page: Page, look: str, number: int) -> str:
    """The number of the so-manieth condition or group, as keys of its parts begin."""
    return page.locator(f".criteria-{look}").nth(number).get_attribute("data-node") or ""


def text_of(page: Page) -> str:
    return page.locator("textarea[name=criteria]").input_value()


class Mouse:
    """Chooses, fills and clicks."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def choose(self, key: str, value: str) -> None:
        part(self.page, key).select_option(value)

    def fill(self, key: str, text: str) -> None:
        part(self.page, key).fill(text)

    def press(self, key: str) -> None:
        part(self.page, key).click()

    def move(self, key: str, how: str) -> None:
        part(self.page, f"{key}/menu").click()
        self.page.locator(f".dropdown-menu.show [data-move={how}]").click()

    def add_to_list(self, key: str, text: str) -> None:
        part(self.page, key).fill(text)  # taken when the field is left


class Keyboard:
    """Nothing but keys: Tab until the part has the focus, arrows in lists, Alt and arrows to move."""

    ARROWS = {"up": "ArrowUp", "down": "ArrowDown", "into": "ArrowRight", "out": "ArrowLeft"}

    def __init__(self, page: Page) -> None:
        self.page, self.keys = page, page.keyboard

    def reach(self, key: str) -> None:
        """Forward, or back where it lies behind."""
        is_behind = (
            'key => Boolean(document.querySelector(`[data-key="${key}"]`)'
            ".compareDocumentPosition(document.activeElement) & Node.DOCUMENT_POSITION_FOLLOWING)"
        )
        step = "Shift+Tab" if self.page.evaluate(is_behind, key) else "Tab"
        for _n in range(60):
            if self.page.evaluate("document.activeElement?.dataset?.key") == key:
                return
            self.keys.press(step)
        raise AssertionError(f"{step} never reached {key}")

    def choose(self, key: str, value: str) -> None:
        self.reach(key)
        self.keys.press("Home")
        for _n in range(60):
            if self.page.evaluate("document.activeElement.value") == value:
                return
            self.keys.press("ArrowDown")
        raise AssertionError(f"{value} is not in the list")

    def fill(self, key: str, text: str) -> None:
        self.reach(key)
        self.keys.press("Control+A")
        self.keys.type(text)

    def press(self, key: str) -> None:
        self.reach(key)
        self.keys.press("Enter")

    def move(self, key: str, how: str) -> None:
        self.reach(f"{key}/menu")
        self.keys.press(f"Alt+{self.ARROWS[how]}")

    def add_to_list(self, key: str, text: str) -> None:
        self.fill(key, text)
        self.keys.press("Enter")


@pytest.mark.parametrize("hand", [Mouse, Keyboard])
def test_the_example_is_built(
    running: tuple[Product, Sink, Browser], builder: Page, hand: type[Mouse] | type[Keyboard]
) -> None:
    _product, _sink, chromium = running
    by = hand(builder)
    if isinstance(by, Keyboard):
        builder.locator(".criteria-filter > summary").focus()
    root = node(builder, "group", 0)

    by.press(f"{root}/add")
    country = node(builder, "condition", 0)
    by.choose(f"{country}/subject", "attribute:")  # nobody in the demo has a country
    by.fill(f"{country}/name", "country")
    by.fill(f"{country}/value", "ES")

    by.press(f"{root}/group")
    group, director = node(builder, "group", 1), node(builder, "condition", 1)
    by.choose(f"{director}/subject", "attribute:job_title")
    by.choose(f"{director}/operator", "contains_any")
    by.add_to_list(f"{director}/value", "director, gerente")

    by.press(f"{root}/add")  # in the wrong place, and moved
    size = node(builder, "condition", 2)
    by.choose(f"{size}/subject", "attribute:employees")
    by.choose(f"{size}/operator", "between")
    by.fill(f"{size}/value", "50")
    by.fill(f"{size}/to", "1000")
    by.move(size, "into")
    assert builder.locator(f"#node-{group} .criteria-condition").count() == 2

    by.press(f"{root}/add")
    purchase = node(builder, "condition", 3)
    by.choose(f"{purchase}/subject", "event:purchase")
    by.press(f"{purchase}/not")

    by.press(f"{root}/add")
    visit = node(builder, "condition", 4)
    by.choose(f"{visit}/subject", "event:page")
    by.press(f"{visit}/where")
    by.fill(f"{visit}/where-0/property", "path")
    by.choose(f"{visit}/where-0/operator", "starts_with")
    by.fill(f"{visit}/where-0/value", "/precios")
    by.choose(f"{visit}/bound", "at_least")
    by.fill(f"{visit}/at_least", "3")
    by.choose(f"{visit}/window", "within_days")
    by.fill(f"{visit}/days", "30")
    by.move(visit, "up")
    assert text_of(builder) == EXAMPLE

    by.press(f"{country}/remove")
    assert "country" not in text_of(builder)
    by.press("undo")
    assert text_of(builder) == EXAMPLE
    expect(builder.locator(".criteria-count")).to_have_attribute("data-exact", "true")
    assert not chromium.errors


def test_one_goes_on_typing_what_to_choose(builder: Page) -> None:
    """The letters of a label choose it, though each of them changes the condition."""
    root = node(builder, "group", 0)
    part(builder, f"{root}/add").click()
    subject = part(builder, f"{node(builder, 'condition', 0)}/subject")
    label = subject.locator("option[value='attribute:province']").inner_text()
    builder.keyboard.type(label)
    expect(subject).to_have_value("attribute:province")
    assert text_of(builder).startswith("{attribute: province,")


def test_the_three_views_show_one_document(running: tuple[Product, Sink, Browser], builder: Page) -> None:
    _product, _sink, chromium = running
    build, words, yaml = builder.get_by_role("tab").all()
    yaml.click()
    area = builder.locator("textarea[name=criteria]")
    area.fill(EXAMPLE)
    build.click()  # at once: it waits until the text is read
    expect(builder.locator(".criteria-condition")).to_have_count(5)
    expect(builder.locator(".criteria-count")).to_have_attribute("data-exact", "true")
    build.focus()
    builder.keyboard.press("ArrowRight")
    expect(words).to_be_focused()
    expect(builder.locator(".criteria-words")).to_contain_text("/precios")
    builder.keyboard.press("ArrowRight")
    expect(area).to_have_value(EXAMPLE)
    area.fill(EXAMPLE.replace("between: [50, 1000]", "between: [1000, 50]"))
    expect(builder.locator(".criteria-problems")).to_contain_text("5")
    expect(builder.locator(".criteria-problems")).to_contain_text("any[1].between")
    area.fill("all: [")
    build.click()
    expect(builder.locator(".criteria-problems")).not_to_be_empty()
    expect(area).to_be_visible()  # nothing else can be shown
    area.fill(EXAMPLE)
    build.click()
    expect(builder.locator(".criteria-condition")).to_have_count(5)
    assert not chromium.errors


def test_errors_stand_where_they_are(running: tuple[Product, Sink, Browser], builder: Page) -> None:
    builder.get_by_role("tab").last.click()
    builder.locator("textarea[name=criteria]").fill(EXAMPLE.replace("[50, 1000]", "[1000, 50]").replace(": ES", ": 1"))
    builder.get_by_role("tab").first.click()
    wrong = builder.locator(".criteria-condition.has-problem")
    expect(wrong).to_have_count(1)
    part(builder, f"{wrong.get_attribute('data-node')}/value").fill("5")
    expect(wrong).to_have_count(0)
    root = node(builder, "group", 0)
    part(builder, f"{root}/add").click()
    expect(wrong).to_have_count(0)  # nobody is told of what they have only begun
    builder.locator(".criteria-filter button.btn-primary").click()
    expect(builder.locator(".criteria-condition.has-problem")).to_have_count(1)
    assert builder.locator(".criteria-condition").count() == 6  # nothing was lost
    running[2].errors.clear()  # a refused form is answered with 422, which browsers write down as an error


def test_five_hundred_addresses_are_pasted(running: tuple[Product, Sink, Browser], builder: Page) -> None:
    product, _sink, chromium = running
    known = [row[0] for row in product.query("SELECT email FROM lead WHERE email <> '' ORDER BY id LIMIT 480")]
    pasted = [f"Ana Peña <{known[0]}>", *known[1:], *known[:3], *(f"nadie{n}@example.com" for n in range(20))]
    part(builder, f"{node(builder, 'group', 0)}/add").click()
    number = node(builder, "condition", 0)
    part(builder, f"{number}/subject").select_option("attribute:email")
    part(builder, f"{number}/operator").select_option("any_of")
    paste(part(builder, f"{number}/value"), "\n".join(pasted))
    document = read_document(text_of(builder))
    assert document == {"attribute": "email", "any_of": [*known, *(f"nadie{n}@example.com" for n in range(20))]}
    assert len(document["any_of"]) == 500
    expect(builder.locator("#spoken")).to_contain_text("500")
    expect(builder.locator(".criteria-chip")).to_have_count(20)
    expect(builder.locator(".criteria-count")).to_contain_text("480")
    builder.locator(".criteria-filter button.btn-primary").click()
    expect(builder).to_have_url(re.compile("criteria=kept-"))
    expect(builder.locator("#lead-rows")).to_contain_text("480")
    assert not chromium.errors


def paste(field: Locator, text: str) -> None:
    field.evaluate(
        "(field, text) => { const data = new DataTransfer(); data.setData('text', text);"
        " field.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true})) }",
        text,
    )


def test_the_list_keeps_the_filter_and_gives_it_up(running: tuple[Product, Sink, Browser], builder: Page) -> None:
    product, _sink, chromium = running
    few = product.query("SELECT count(*) FROM lead WHERE attributes ->> 'province' = 'Murcia'")[0][0]
    part(builder, f"{node(builder, 'group', 0)}/add").click()
    number = node(builder, "condition", 0)
    part(builder, f"{number}/subject").select_option("attribute:province")
    part(builder, f"{number}/operator").select_option("any_of")
    builder.locator(".criteria-seen button", has_text="Murcia").click()
    expect(builder.locator(".criteria-count")).to_contain_text(str(few))
    builder.locator(".criteria-filter button.btn-primary").click()
    expect(builder.locator("#lead-rows .card-header")).to_contain_text(str(few))
    builder.locator("select[name=sort]").select_option("score")
    expect(builder).to_have_url(re.compile("sort=score"))
    expect(builder.locator("#lead-rows .card-header")).to_contain_text(str(few))
    builder.locator(".criteria-filter a.btn").click()
    expect(builder).not_to_have_url(re.compile("criteria="))
    expect(builder.locator("#lead-rows .card-header")).not_to_have_text(str(few))
    assert not chromium.errors


def test_without_scripts_the_text_area_works(running: tuple[Product, Sink, Browser], staff: Page) -> None:
    product, _sink, chromium = running
    context = chromium.context(java_script_enabled=False, storage_state=staff.context.storage_state())
    page = context.new_page()
    page.goto(product.url + "/leads")
    page.locator(".criteria-filter > summary").click()
    area = page.locator("textarea[name=criteria]")
    area.fill("{attribute: province, iz: Murcia}")
    page.locator(".criteria-filter button.btn-primary").click()
    expect(page.locator(".invalid-feedback").first).to_contain_text("iz")
    expect(area).to_have_value("{attribute: province, iz: Murcia}")
    area.fill("{attribute: province, is: Murcia}")
    page.locator(".criteria-filter button.btn-primary").click()
    expect(page).to_have_url(re.compile("criteria="))
    assert page.locator("#lead-rows tbody tr").count()
    context.close()


@pytest.mark.parametrize(("language", "look"), LOOKS)
def test_the_component_is_sound(
    running: tuple[Product, Sink, Browser], builder: Page, language: str, look: str
) -> None:
    product, _sink, chromium = running
    choose_look(product, builder, language, look)
    builder.locator(".criteria-filter > summary").click()
    builder.get_by_role("tab").last.click()
    more = (
        "\n  - {attribute: province, any_of: [Murcia, Almería]}\n  - {score: readiness, gte: 40}\n  - {attribute: nada}"
    )
    builder.locator("textarea[name=criteria]").fill(EXAMPLE + more)
    builder.get_by_role("tab").first.click()
    expect(builder.locator(".criteria-condition")).to_have_count(8)
    expect(builder.locator(".criteria-seen button").first).to_be_visible()
    violations = []
    for number, name in enumerate(("build", "words", "yaml")):
        builder.get_by_role("tab").nth(number).click()
        builder.wait_for_timeout(400)
        width = builder.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width <= 0, f"{name} is {width} px wider than the window"
        picture(builder, f"criteria-{name}-{language}-{look}")
        violations += serious_violations(builder)
    builder.get_by_role("tab").first.click()
    part(builder, f"{node(builder, 'condition', 0)}/menu").click()
    picture(builder, f"criteria-menu-{language}-{look}")
    violations += serious_violations(builder)
    assert not violations
    assert not chromium.errors


def choose_look(product: Product, page: Page, language: str, look: str) -> None:
    page.set_viewport_size(PHONE if look == "phone" else DESK)  # type: ignore[arg-type]
    page.emulate_media(color_scheme="dark" if look == "dark" else "light")
    page.goto(product.url + "/settings")
    page.locator("select[name=language]").select_option(language)
    page.locator("input[name=what][value=mine] ~ button").click()
    expect(page.locator("html")).to_have_attribute("lang", language)
    page.goto(product.url + "/leads")
