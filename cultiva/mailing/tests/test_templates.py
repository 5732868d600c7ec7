"""What a template's document may say, and what becomes of it."""

import re
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from cultiva.accounts.models import Workspace
from cultiva.lib.database import workspace_scope
from cultiva.lib.documents import DocumentError
from cultiva.mailing.actions import ensure_system_templates, find_template, preview, publish_template
from cultiva.mailing.models import TemplateVersion
from cultiva.mailing.templating import Rendered, compile_texts, read_template, render, system_document
from cultiva.mailing.tests.cast import NEWS

MAIL = {
    "sender": "Huerta",
    "legal": "Huerta, S.L.",
    "why": "…",
    "unsubscribe_url": "https://u",
    "preferences_url": "https://m",
    "request_url": "https://r",
    "due_on": "1 May",
    "privacy_url": "https://p",
}


def fill_in(text: str, **lead: Any) -> Rendered:
    compiled = compile_texts("novedades", "es", {"subject": "x", "preheader": "", "text": text})
    return render(compiled, {"lead": {"attributes": lead, **lead}, "mail": MAIL})


def body_of(html: str) -> str:
    return html.split('overflow-wrap:anywhere">\n', 1)[1].split('</td></tr>\n<tr><td class="foot"', maxsplit=1)[0]


def document(text: str = "Hola", *, key: str = "hola", purpose: str = "marketing", subject: str = "Hola") -> str:
    lines = text.replace("\n", "\n      ")
    return (
        f"template: {key}\npurpose: {purpose}\nname: Hola\n"
        f"languages:\n  es:\n    subject: '{subject}'\n    text: |\n      {lines}\n"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            document("Hola\n\n{{ lead.fist_name }}"),
            "line 3: unknown variable `lead.fist_name`\nhint: did you mean `lead.first_name`?",
        ),
        (document("{{ confirm_url }}"), "unknown variable `confirm_url`"),
        (document("{{ lead }}"), "unknown variable `lead`"),
        (document("{{ lead[lead.email] }}"), "unknown variable"),
        (document("{{ lead.attributes }}"), "unknown variable `lead.attributes`"),
        (document("{{ workspace.secret }}"), "unknown variable `workspace.secret`"),
        (document(subject="{{ lead.nam }}"), "es, subject, line 1: unknown variable `lead.nam`"),
        (document("{{ lead.email | upcas }}"), "unknown filter `upcas`\nhint: did you mean `upcase`?"),
        (document("{{ lead.email | safe }}"), "unknown filter `safe`"),
        (document("{% for x in lead.attributes.list %}{% endfor %}"), "known tags: case, comment, if, unless"),
        (document("{% if lead.email %}sin fin"), "line 1"),
        (document("{{ lead.email"), "line 1"),
        (document("a {\\{ b"), "not Liquid: unexpected '/'"),
        (document("[hola](javascript:alert(1))"), "the link `javascript:alert(1)` leads nowhere"),
        (document("[hola](/precios)"), "the link `/precios` leads nowhere"),
        (document("![foto](https://x.example/{{ lead.email }}.png)"), "differs by reader"),
        (document("![foto](data:image/png;base64,AA)"), "has no address"),
        (document(purpose="marketin"), "unknown purpose `marketin`\nhint: did you mean `marketing`?"),
        (document(purpose="transactional"), "purpose transactional is for confirmation, magnet_delivery, webinar_seat"),
        (document(key="confirmation"), "`confirmation` is always transactional"),
        (document(key="Hola Mundo"), "cannot be a key"),
        (document(key="confirmation", purpose="transactional"), "`confirm_url` is missing"),
        (
            document("[a]({{ confirm_url }}) [b](https://x.example/)", key="confirmation", purpose="transactional"),
            "a confirmation has one link",
        ),
        (document(subject="x" * 201), "one line of at most 200 characters"),
        (document("a" * 90_000), "Gmail cuts off"),
        (document().replace("text:", "texto:"), "unknown key `texto`\nhint: did you mean `text`?"),
        (document().replace("  es:", "  fr:"), "unknown key `fr`"),
    ],
)  # fmt: skip
def test_it_refuses(text: str, problem: str) -> None:
    with pytest.raises(DocumentError) as refused:
        read_template(text, language="es", purposes=["marketing"])
    assert problem in str(refused.value)


def test_a_published_version_keeps_its_source_and_changes_only_by_a_new_one(
    huerta_mails: Workspace, at: datetime
) -> None:
    first = TemplateVersion.current(huerta_mails.id, "novedades")
    assert first
    assert (first.version, first.source_text, first.body["purpose"]) == (1, NEWS, "marketing")
    again = publish_template(workspace_id=huerta_mails.id, text=NEWS, at=at)
    assert again == first
    changed = publish_template(workspace_id=huerta_mails.id, text=NEWS.replace("precios", "tarifas"), at=at)
    assert changed.version == 2


def test_system_templates_are_there_in_both_languages(huerta: Workspace, other_co: Workspace, at: datetime) -> None:
    ensure_system_templates(workspace_id=huerta.id, at=at)
    ensure_system_templates(workspace_id=huerta.id, at=at)
    found = TemplateVersion.currents(huerta.id)
    assert [(t.key, t.version, sorted(t.body["languages"])) for t in found] == [
        (key, 1, ["en", "es"])
        for key in (
            "confirmation",
            "form_notice",
            "magnet_delivery",
            "preference_link",
            "privacy_notice",
            "sign_in",
            "webinar_seat",
        )
    ]
    assert found[0].name == "Confirmación de la dirección"
    for template in found:
        for language, texts in template.body["languages"].items():
            assert 40 <= len(texts["preheader"]) <= 130
            shown = preview(workspace_id=huerta.id, template=template, language=language)
            assert "…" in shown.text
    with workspace_scope(other_co.id):
        assert find_template(workspace_id=other_co.id, key="sign_in", at=at).name == "Sign-in link"


def test_a_workspaces_own_system_template_wins(huerta: Workspace, at: datetime) -> None:
    own = system_document("confirmation").replace("# Confirma tu correo", "# ¿Eres tú?")
    publish_template(workspace_id=huerta.id, text=own, at=at)
    ensure_system_templates(workspace_id=huerta.id, at=at)
    assert find_template(workspace_id=huerta.id, key="confirmation", at=at).version == 1
    assert "¿Eres tú?" in find_template(workspace_id=huerta.id, key="confirmation", at=at).source_text


@pytest.mark.parametrize(
    ("text", "lead", "html", "plain"),
    [
        ("Hola {{ lead.name | default: 'tú' }}", {}, ">Hola tú</p>", "Hola tú\n"),
        ("Hola {{ lead.name }}", {"name": "<b>&\"'"}, "Hola &lt;b&gt;&amp;&quot;&#x27;</p>", "Hola <b>&\"'\n"),
        (
            "{{ lead.name }}",
            {"name": "[x](https://evil.test)"},
            ">[x](https://evil.test)</p>",
            "[x](https://evil.test)\n",
        ),
        ("{{ lead.name }}", {"name": "{{ lead.email }}"}, ">{{ lead.email }}</p>", "{{ lead.email }}\n"),
        ("{{ 'a & b' | append: lead.x }}", {"x": "<"}, ">a &amp; b&lt;</p>", "a & b<\n"),
        ("<script>alert(1)</script>", {}, "&lt;script&gt;", "<script>alert(1)</script>\n"),
        ("{% if lead.attributes.n > 3 %}\nmás\n{% else %}\nmenos\n{% endif %}", {"n": 4}, ">más</p>", "más\n"),
        ("{{ lead.n }} {{ lead.list | join: ', ' }}", {"n": 4.5, "list": ["a", "b"]}, ">4.5 a, b</p>", "4.5 a, b\n"),
        ("- [a](https://x.es/?a=1&b=2)", {}, 'href="https://x.es/?a=1&amp;b=2"', "- a (https://x.es/?a=1&b=2)\n"),
        ("[Pedir](https://x.es/)", {}, 'class="button"', "Pedir:\nhttps://x.es/\n"),
        ("[Ver]({{ lead.site }})", {"site": "https://x.es/é"}, 'href="https://x.es/é"', "Ver:\nhttps://x.es/é\n"),
        ("[Ver]({{ lead.site }})", {"site": "javascript:alert(1)"}, 'href="#"', "Ver:\n#\n"),
        ("[Ver]({{ lead.site }})", {"site": 'https://x.es/"><a>'}, 'href="https://x.es/&quot;&gt;&lt;a&gt;"', None),
    ],
)
def test_it_is_filled_in(text: str, lead: dict[str, Any], html: str, plain: str | None) -> None:
    found = fill_in(text, **lead)
    assert html in body_of(found.html)
    if plain is not None:
        assert found.text.startswith(plain)


class Outline(HTMLParser):
    """Open and close tags in pairs, and what the layout is held to."""

    VOID = ("meta", "br", "hr", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_layout_is_what_mail_programs_can_show(huerta_mails: Workspace, at: datetime, language: str) -> None:
    template = TemplateVersion.current(huerta_mails.id, "novedades")
    assert template
    shown = preview(workspace_id=huerta_mails.id, template=template, language=language)
    outline = Outline()
    outline.feed(shown.html)
    assert outline.open == []
    tags = outline.tags
    assert ("html", {"lang": language, "dir": "ltr"}) in tags
    assert all(attributes["role"] == "presentation" for tag, attributes in tags if tag == "table")
    assert all("alt" in attributes for tag, attributes in tags if tag == "img")
    assert not {"script", "form", "link", "iframe", "input"} & {tag for tag, _ in tags}
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
    assert len(shown.html.encode()) < 100_000
    assert shown.html.count(shown.preheader) == 1 or shown.preheader == ""
    assert shown.preheader == "" or shown.preheader not in shown.text
    assert "{{" not in shown.html + shown.text
    links = {a["href"] for tag, a in tags if tag == "a"}
    assert links == set(re.findall(r"(?:https?|mailto):[^\s()]+", shown.text))
