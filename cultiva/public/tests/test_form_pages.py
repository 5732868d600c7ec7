"""The form as visitors meet it: over HTTP, without JavaScript, without cookies."""

import hashlib
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from cultiva.capture.actions import publish_form
from cultiva.capture.models import FormVersion, Submission
from cultiva.capture.tests.documents import FORM
from cultiva.consent.actions import publish_policy, publish_purpose
from cultiva.consent.models import Confirmation, ConsentState, Evidence
from cultiva.consent.tests.documents import POLICY, PROFILING
from cultiva.events.models import Event
from cultiva.leads.models import Lead
from cultiva.public.tests.conftest import ANSWERS, Visitor, Watch, hidden_fields

EMAIL = "ana@example.com"


def text(response: Any) -> str:
    return str(response.content.decode())


def inputs(html: str, kind: str) -> list[str]:
    return [tag for tag in re.findall(r"<input[^>]*>", html) if f'type="{kind}"' in tag]


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_box_is_clear_and_no_purpose_is_required(visitor: Visitor, language: str) -> None:
    boxes = inputs(text(visitor.open(f"?lang={language}")), "checkbox")
    assert len(boxes) == 3
    assert not any("checked" in box for box in boxes)
    assert [("required" in box) for box in boxes] == [True, False, False]


def test_the_notice_stands_before_the_button(visitor: Visitor) -> None:
    html = text(visitor.open())
    places = [html.index(words) for words in ("Responsable", "Transferencias", 'type="checkbox"', "<button")]
    assert places == sorted(places)
    assert '/p/huerta/privacy/v1?lang=es"' in html


def test_the_page_speaks_the_workspaces_language_or_the_one_asked_for(visitor: Visitor) -> None:
    spanish, english = visitor.open(), visitor.open("?lang=en&utm_source=news")
    assert '<html lang="es">' in text(spanish)
    assert "La guía del riego por goteo" in text(spanish)
    assert '<html lang="en">' in text(english)
    assert "The drip irrigation guide" in text(english)
    assert "Basic information on data protection" in text(english)
    assert 'href="?lang=es&amp;utm_source=news"' in text(english)
    assert '<html lang="es">' in text(visitor.open("?lang=fr"))
    assert english["Content-Language"] == "en"


def test_sending_it_makes_a_lead_and_thanks(visitor: Visitor, huerta: Any) -> None:
    answer = visitor.send(purpose__marketing="on")
    assert answer.status_code == 303
    assert answer["Location"].startswith("/f/huerta/guia/thanks/")
    lead = Lead.objects.get(workspace_id=huerta.id)
    assert (lead.email, lead.language) == (EMAIL, "es")
    assert ConsentState.objects.get(lead_id=lead.id).purpose == "marketing"
    thanks = visitor.client.get(answer["Location"])
    assert thanks.status_code == 200
    assert "¡Gracias! Tu guía está lista." in text(thanks)
    assert EMAIL not in text(thanks)
    link = re.search(r'href="(/d/[^"]+)"', text(thanks))
    assert link
    file = visitor.client.get(link[1])
    assert (file.status_code, file.content[:5]) == (200, b"%PDF-")


def test_the_evidence_holds_the_hash_of_what_was_on_the_page(visitor: Visitor) -> None:
    html = text(visitor.open("?lang=en"))
    shown = html[html.index('<section class="consent"') : html.index("</section>") + len("</section>\n")]
    visitor.send_again("?lang=en")
    payload = Evidence.objects.get(act="policy_accepted").payload.payload
    assert payload["rendered_html_sha256"] == hashlib.sha256(shown.encode()).hexdigest()
    assert payload["policy_language"] == "en"
    assert payload["checkbox_label_text"] in shown
    assert payload["ip"] == "127.0.0.1"
    assert payload["user_agent"].startswith("Mozilla/5.0")
    assert payload["page_url"].endswith("/f/huerta/guia?lang=en")


def test_the_language_of_the_evidence_is_the_one_shown_not_the_one_posted_to(visitor: Visitor) -> None:
    visitor.open("?lang=en")
    visitor.send_again("?lang=es")
    assert Evidence.objects.get(act="policy_accepted").payload.payload["policy_language"] == "en"


def test_without_accepting_the_policy_nothing_is_stored(visitor: Visitor, huerta: Any) -> None:
    answer = visitor.send(policy__accepted=None, purpose__marketing="on")
    assert answer.status_code == 422
    assert not Lead.objects.filter(workspace_id=huerta.id).exists()


def test_errors_come_in_the_forms_language_with_the_values_kept(visitor: Visitor, huerta: Any) -> None:
    answer = visitor.send(email="ana@localhost", first_name="", company='Sol "& Hijos"', purpose__phone="on")
    html = text(answer)
    assert answer.status_code == 422
    assert "Este campo es obligatorio." in html
    assert 'value="ana@localhost"' in html
    assert "Sol &quot;&amp; Hijos&quot;" in html
    assert 'value="olive" selected' in html
    assert ["checked" in box for box in inputs(html, "checkbox")] == [True, False, True]
    assert 'aria-invalid="true"' in html
    assert 'id="id_email_error"' in html
    assert 'aria-describedby="id_email_error"' in html
    assert not Lead.objects.filter(workspace_id=huerta.id).exists()
    assert visitor.send_again().status_code == 303  # the same token still works


def test_a_double_click_is_one_submission(visitor: Visitor, huerta: Any) -> None:
    first = visitor.send()
    second = visitor.send_again()
    assert (first.status_code, second.status_code) == (303, 303)
    assert Submission.objects.filter(workspace_id=huerta.id).count() == 1
    assert Confirmation.objects.filter(workspace_id=huerta.id).count() == 1
    assert Lead.objects.filter(workspace_id=huerta.id).count() == 1


@pytest.mark.parametrize("query", ["", "?lang=en"])
def test_no_cookie_is_set_or_read(visitor: Visitor, query: str) -> None:
    opened = visitor.open(query)
    answers = [opened, visitor.send_again(query), visitor.send_again(query, email="x")]
    answers.append(visitor.client.get(answers[1]["Location"]))
    answers.append(visitor.client.get("/p/huerta/privacy/v1"))
    for answer in answers:
        assert not answer.cookies
        assert "Cookie" not in answer.get("Vary", "")
    assert not visitor.client.cookies


def test_pages_are_small_and_personal_ones_are_not_kept(visitor: Visitor) -> None:
    opened = visitor.open()
    assert len(opened.content) < 50_000
    assert opened["Cache-Control"] == "no-store"
    assert "X-Robots-Tag" not in opened
    thanks = visitor.client.get(visitor.send()["Location"])
    assert thanks["Cache-Control"] == "no-store"
    assert thanks["X-Robots-Tag"] == "noindex"
    assert thanks["Referrer-Policy"] == "no-referrer"


def test_it_works_without_the_csrf_cookie(form: FormVersion, watch: Watch) -> None:
    strict = Visitor(Client(enforce_csrf_checks=True, headers={"user-agent": "Mozilla/5.0"}), watch)
    assert strict.send().status_code == 303


# never 500
BAD_BODIES: list[tuple[str, bytes | None, dict[str, str], int]] = [
    ("NUL", None, {"first_name": "A\x00na"}, 400),
    ("broken UTF-8", b"first_name=%ff%fe", {}, 400),
    ("raw broken UTF-8", b"first_name=\xff\xfe", {}, 400),
    ("half a surrogate", b"first_name=%ed%a0%80", {}, 400),
    ("300 KB", b"first_name=" + b"a" * 300_000, {}, 413),
    ("101 fields", "&".join(f"f{n}=1" for n in range(101)).encode(), {}, 400),
    ("a value of 11 KB", None, {"first_name": "a" * 11_000}, 400),
    ("a long name", None, {"first_name": "a" * 201}, 422),
    ("no token", None, {"form-token": ""}, 422),
    ("a forged token", None, {"form-token": "1.2.3.4.5.xxxxxxxxxxxxxxxxxxxxxx"}, 422),
    ("a choice that is none", None, {"crop": "poppy"}, 422),
    ("CRLF in the address", None, {"email": "ana@example.com\r\nBcc: x@evil.test"}, 422),
    ("an address of blanks", None, {"email": "  \u00a0 "}, 422),
    ("a line break after the address", None, {"email": "ana@example.com\n"}, 422),
    ("nothing", b"", {}, 422),
    ("JSON", b'{"email": "x"}', {}, 422),
]


@pytest.mark.parametrize(
    ("raw", "changes", "status"), [case[1:] for case in BAD_BODIES], ids=[c[0] for c in BAD_BODIES]
)
def test_bad_input_gets_a_clear_answer(
    visitor: Visitor, huerta: Any, raw: bytes | None, changes: dict[str, str], status: int
) -> None:
    visitor.open()
    visitor.watch.pass_time(seconds=30)
    body = raw if raw is not None else urlencode({**ANSWERS, **visitor.hidden, **changes}).encode()
    answer = visitor.client.post(visitor.path, body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == status
    assert not Lead.objects.filter(workspace_id=huerta.id).exists()


def test_bad_multipart_bodies_get_a_clear_answer(visitor: Visitor, huerta: Any) -> None:
    def post(body: bytes, content_type: str = "multipart/form-data; boundary=b") -> int:
        return int(visitor.client.post(visitor.path, body, content_type=content_type).status_code)

    part = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    assert post(part % (b"first_name", b"\xff") + b"--b--\r\n") == 400
    assert post(part % (b"first_name", b"a\x00") + b"--b--\r\n") == 400
    assert post(part % (b"first_name", b"a" * 300_000) + b"--b--\r\n") == 413
    assert post(b"".join(part % (b"f%d" % n, b"1") for n in range(101)) + b"--b--\r\n") == 400
    assert post(b"nonsense", "multipart/form-data") == 400
    assert post(b"nonsense") == 422
    assert not Lead.objects.filter(workspace_id=huerta.id).exists()


def test_a_line_break_in_a_one_line_answer_becomes_a_space(visitor: Visitor, huerta: Any) -> None:
    assert visitor.send(first_name="Ana\r\nBcc: x@evil.test").status_code == 303
    assert Lead.objects.get(workspace_id=huerta.id).attributes["first_name"] == "Ana Bcc: x@evil.test"


# The table of what is refused stands in leads
@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("josé@bücher.es", "josé@bücher.es"),
        ("ANA@Example.COM", "ANA@example.com"),
        ("ana@xn--bcher-kva.es", "ana@bücher.es"),
        (" ana+guia@example.com\u00a0", "ana+guia@example.com"),
    ],
)
def test_addresses_are_taken_as_they_are_written(visitor: Visitor, huerta: Any, written: str, stored: str) -> None:
    assert visitor.send(email=written).status_code == 303
    assert Lead.objects.get(workspace_id=huerta.id).email == stored


@pytest.mark.parametrize("written", ["ana@localhost", "ana..p@example.com", "ana@[127.0.0.1]", '"q q"@example.com'])
def test_what_is_no_address_is_refused_in_the_forms_language(visitor: Visitor, huerta: Any, written: str) -> None:
    answer = visitor.send("?lang=en", email=written)
    assert answer.status_code == 422
    assert "Write a full address, such as name@example.com." in text(answer)
    assert not Lead.objects.filter(workspace_id=huerta.id).exists()


def test_unknown_fields_are_dropped(visitor: Visitor, huerta: Any, other_co: Any) -> None:
    answer = visitor.send(
        score="100", workspace_id=str(other_co.id), stage="customer", valid_since="2020-01-01", purpose__profiling="on",
        lead_id="1", language="en",
    )  # fmt: skip
    assert answer.status_code == 303
    lead = Lead.objects.get(workspace_id=huerta.id)
    assert set(lead.attributes) == {"first_name", "email", "company", "crop"}
    assert not ConsentState.objects.filter(lead_id=lead.id).exists()
    assert set(Submission.objects.get(lead_id=lead.id).fields) == {"first_name", "email", "company", "crop"}


def test_where_a_visitor_came_from_is_kept_with_the_event(visitor: Visitor, huerta: Any) -> None:
    query = "?UTM_Source=News&utm_source=second&utm_campaign=Spring&gclid=abc&utm_term=" + "x" * 600 + "&other=1"
    visitor.open(query, referer="https://search.example/?q=riego")
    visitor.send_again(query + "&utm_content=%00%0d%0a<b>")
    context = Event.objects.get(workspace_id=huerta.id, name="form_submitted").context
    assert context["campaign"] == {
        "source": "News", "name": "Spring", "gclid": "abc", "term": "x" * 512, "content": "<b>",
    }  # fmt: skip
    assert context["page"]["referrer"] == "https://search.example/?q=riego"


def test_what_visitors_write_stays_text(visitor: Visitor) -> None:
    html = text(visitor.send(first_name="<script>alert(1)</script>", company="{{7*7}}", email="x"))
    assert "<script>alert" not in html
    assert "{{7*7}}" in html


def test_a_suspected_program_gets_the_same_answer(visitor: Visitor, huerta: Any) -> None:
    answer = visitor.send(company__website="http://spam.example")
    assert (answer.status_code, answer["Location"].rpartition("/")[0]) == (303, "/f/huerta/guia/thanks")
    thanks = visitor.client.get(answer["Location"])
    believed = visitor.client.get(visitor.send()["Location"])
    token = re.compile(r"/d/[\w.-]+")
    assert token.sub("", text(thanks)) == token.sub("", text(believed))
    link = token.search(text(thanks))
    assert link
    assert visitor.client.get(link[0]).status_code == 404
    assert Lead.objects.filter(workspace_id=huerta.id).count() == 1


def test_a_page_open_for_a_day_asks_to_send_again_and_keeps_the_answers(visitor: Visitor) -> None:
    visitor.open()
    visitor.watch.pass_time(hours=25)
    answer = visitor.send_again()
    assert answer.status_code == 422
    assert "This page was open for a long time" in text(visitor.client.post(
        visitor.path + "?lang=en", {**ANSWERS, **visitor.hidden}
    ))  # fmt: skip
    assert 'value="ana@example.com"' in text(answer)
    again = {**ANSWERS, **hidden_fields(text(answer))}
    assert visitor.client.post(visitor.path, again).status_code == 303


def test_new_and_known_people_get_the_same_answer(visitor: Visitor) -> None:
    first, second = visitor.send(), visitor.send(first_name="Ana again")
    assert (first.status_code, second.status_code) == (303, 303)
    pages = [text(visitor.client.get(answer["Location"])) for answer in (first, second)]
    token = re.compile(r"/d/[\w.-]+")
    assert token.sub("", pages[0]) == token.sub("", pages[1])


def test_an_old_thanks_link_leads_back_to_the_form(visitor: Visitor) -> None:
    location = visitor.send()["Location"]
    visitor.watch.pass_time(days=2)
    assert visitor.client.get(location)["Location"] == "/f/huerta/guia"
    assert visitor.client.get(location + "x").status_code == 404
    assert visitor.client.get(location.replace("/guia/", "/otra/")).status_code in (302, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/f/huerta/nothing",
        "/f/nobody/guia",
        "/f/other-co/guia",
        "/f/huerta/guia/thanks/x",
        "/p/huerta/privacy/v2",
        "/p/huerta/privacy/v99999999999999999999",
        "/p/huerta/nothing/v1",
        "/p/other-co/privacy/v1",
    ],
)
def test_what_is_not_there_is_not_found(visitor: Visitor, other_co: Any, path: str) -> None:
    assert visitor.client.get(path).status_code == 404


def test_a_form_takes_only_what_pages_send(visitor: Visitor) -> None:
    assert visitor.client.put(visitor.path).status_code == 405
    assert visitor.client.delete(visitor.path).status_code == 405
    assert visitor.client.head(visitor.path).status_code == 200


def test_a_form_of_another_workspace_is_not_reached_with_this_ones_token(
    visitor: Visitor, huerta: Any, other_co: Any
) -> None:
    visitor.open()
    visitor.path = "/f/other-co/guia"
    assert visitor.send_again().status_code == 404
    assert not Lead.objects.filter(workspace_id=huerta.id).exists()


def test_the_policy_page_shows_one_version_for_ever(visitor: Visitor, huerta: Any, at: Any) -> None:
    publish_policy(workspace_id=huerta.id, text=POLICY.replace("Tres años", "Diez años <b>x</b>"), at=at)
    first, second = visitor.client.get("/p/huerta/privacy/v1"), visitor.client.get("/p/huerta/privacy/v2")
    assert "Tres años" in text(first)
    assert "Diez años &lt;b&gt;x&lt;/b&gt;" in text(second)
    assert "Huerta Riego S.L." in text(first)
    assert "Calle del Agua 3" in text(first)
    assert "Retention" in text(visitor.client.get("/p/huerta/privacy/v1?lang=en"))


def test_markdown_of_a_policy_holds_no_script(visitor: Visitor, huerta: Any, at: Any) -> None:
    evil = POLICY.replace(
        "No hay destinatarios", "<script>x</script> [a](javascript:alert(1)) ![i](https://evil.test/p.gif)"
    ).replace("destinatarios ni", "ni")
    publish_policy(workspace_id=huerta.id, text=evil, at=at)
    html = text(visitor.client.get("/p/huerta/privacy/v2"))
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert "<img" not in html


def test_profiling_has_its_own_box_where_it_needs_one(visitor: Visitor, huerta: Any, at: Any) -> None:
    publish_policy(
        workspace_id=huerta.id, text=POLICY.replace("profiling: legitimate_interest", "profiling: consent"), at=at
    )
    publish_purpose(workspace_id=huerta.id, text=PROFILING, at=at)
    publish_form(workspace_id=huerta.id, text=FORM.replace("[marketing, phone]", "[marketing, profiling]"), at=at)
    html = text(visitor.open())
    assert 'name="purpose-profiling"' in html
    assert 'name="purpose-phone"' not in html
