"""Reading criteria, and saying them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from cultiva.criteria.comparisons import OPERATORS
from cultiva.criteria.language import LATER, names_of, parse, say
from cultiva.criteria.tests import samples
from cultiva.lib.documents import DocumentError, read_document
from cultiva.lib.plugins import plugins


def found(text: str) -> Any:
    return read_document(f"when: {text}")["when"]


REFUSED = [
    ("{attribute: country, iss: ES}", "when: unknown key `iss`", "did you mean `is`?"),
    ("{atribute: country, is: ES}", "when: unknown key `atribute`", "did you mean `attribute`?"),
    ("{}", "when: the condition is empty", "known: all, any, not, attribute, event"),
    ("[]", "when: a condition is needed, not []", "{attribute: country, is: ES}"),
    ("{all: [{any: [{}]}]}", "when.all[0].any[0]: the condition is empty", ""),
    ("{all: {attribute: a, is: b}}", "when.all: a list of conditions is needed", ""),
    ("{not: [{attribute: a, is: b}]}", "when.not: a condition is needed", ""),
    ("{all: [], any: []}", "when: `all` and `any` stand in one node", "{all: [{..}, {..}]}"),
    ("{not: {event: page}, event: page}", "when: `not` and `event` stand in one node", ""),
    ("{attribute: a}", "when: no operator is given; exactly one is needed", "known: is, is_not"),
    ("{attribute: a, is: 1, gt: 2}", "when: `is` and `gt` stand together", ""),
    ("{attribute: a, is: null}", "when.is: a text is needed, not None", ""),
    ("{attribute: a, is: ''}", "when.is: the text is empty", "is_empty: true"),
    ("{attribute: a, is: [a]}", "when.is: one value is needed, not the list ['a']", "any_of takes a list"),
    ("{attribute: a, any_of: a}", "when.any_of: a list is needed, not 'a'", "[a, b]"),
    ("{attribute: a, any_of: []}", "when.any_of: the list is empty", ""),
    ("{attribute: a, any_of: [a, null]}", "when.any_of[1]: a text is needed", ""),
    ("{attribute: a, contains: 34}", "when.contains: a text is needed, not 34", 'write "34" in quotes'),
    ("{attribute: a, gt: '5'}", "when.gt: a number is needed, not '5'", ""),
    ("{attribute: a, gt: true}", "when.gt: a number is needed, not True", ""),
    ("{attribute: a, gt: .inf}", "when.gt: a finite number is needed", ""),
    ("{attribute: a, is: 1" + "0" * 400 + "}", "when.is: a finite number is needed", ""),
    ("{attribute: a, between: [5]}", "when.between: two numbers [low, high] are needed", ""),
    ("{attribute: a, between: [5, 1]}", "when.between: 5 is above 1", ""),
    ("{attribute: a, is_empty: false}", "when.is_empty: only true can stand here", "is_not_empty: true"),
    ("{attribute: 5, is: a}", "when.attribute: a text is needed, not 5", ""),
    ('{attribute: a, is: "a\\0"}', "when.is: 'a\\x00' holds a character that cannot be stored", ""),
    ("{attribute: a, matches: '(a+)+'}", "when.matches: a repeat without end stands within another", "(a+)+ = a+"),
    ("{attribute: a, matches: '(a|b{2,})*'}", "when.matches: a repeat without end stands within another", ""),
    ("{attribute: a, matches: 'a+?'}", "when.matches: a repeat cannot be repeated, and none is lazy", "in a group"),
    ("{attribute: a, matches: '(?=a)'}", "when.matches: `(?` is not known: no look-around, names or flags", "groups"),
    ("{attribute: a, matches: '(?i)a'}", "when.matches: `(?` is not known: no look-around, names or flags", ""),
    ('{attribute: a, matches: "(a)\\\\1"}', "when.matches: `\\1` is not known (character 5 of", "literals, [..]"),
    ('{attribute: a, matches: "\\\\bfin"}', "when.matches: `\\b` is not known (character 2 of", "literals, [..]"),
    ('{attribute: a, matches: "\\\\p{L}"}', "when.matches: `\\p` is not known", ""),
    ("{attribute: a, matches: 'a\\'}", "when.matches: `\\` ends the expression", ""),
    ("{attribute: a, matches: '(a'}", "when.matches: `(` has no `)`", "write \\("),
    ("{attribute: a, matches: 'a)'}", "when.matches: `)` has no `(`", "write \\)"),
    ("{attribute: a, matches: '[a'}", "when.matches: `[` has no `]`", "write \\["),
    ("{attribute: a, matches: '[]'}", "when.matches: the class is empty", ""),
    ("{attribute: a, matches: '[[:alpha:]]'}", "when.matches: `[` within a class", "write \\["),
    ("{attribute: a, matches: '[z-a]'}", "when.matches: z-a is no range", ""),
    ("{attribute: a, matches: '*a'}", "when.matches: `*` stands alone", "write \\*"),
    ("{attribute: a, matches: '^*'}", "when.matches: `^` cannot be repeated", ""),
    ("{attribute: a, matches: 'a{,3}'}", "when.matches: `{` begins no repeat", "{3}, {3,}, {3,5}; write"),
    ("{attribute: a, matches: 'a{5,3}'}", "when.matches: 5 is above 3", ""),
    ("{attribute: a, matches: 'a{256}'}", "when.matches: more than 255 times cannot be asked for", ""),
    ("{attribute: a, matches: '(a{100}){100}'}", "when.matches: the expression is too large once", ""),
    ("{attribute: a, matches: " + "a" * 501 + "}", "when.matches: the expression has 501 characters", "at most 500"),
    ("{attribute: a, matches: 5}", "when.matches: a text is needed, not 5", 'write "5" in quotes'),
    ("{attribute: a, before: 2026-02-29}", "when.before: the calendar has no 2026-02-29", ""),
    ("{attribute: a, on: 10/03/2026}", "when.on: a date is needed, not '10/03/2026'", "2026-03-10"),
    ("{attribute: a, after: 2026-01-01T00:00:00Z}", "when.after: a date is needed", ""),
    ("{attribute: a, within_last_days: 0}", "when.within_last_days: a number above 0 is needed, not 0", ""),
    ("{attribute: a, all_of: [" + "a, " * 501 + "]}", "when.all_of: there are 501 operands", "at most 500; any_of"),
    ("{campaign: a}", "when: `campaign` is not supported by this version yet", ""),
    ("{event: page, sum: value}", "when: no limit is given; exactly one is needed", "known: gt, gte, lt, lte, between"),
    ("{event: page, max: value, gt: 1, lt: 3}", "when: `gt` and `lt` stand together; exactly one is needed", ""),
    ("{event: page, gt: 1}", "when: `gt` needs `sum` or `max`", "times: {at_least: 3} counts events"),
    ("{event: page, distinct: path, gte: 2}", "when: `gte` needs `sum` or `max`", "times: {at_least: 3}"),
    ("{event: page, sum: value, times: {at_least: 1}, gt: 1}", "when: `sum` and `times` stand together", ""),
    ("{event: page, distinct: path, sum: value, gt: 1}", "when: `distinct` and `sum` stand together", "keep one"),
    ("{event: page, sum: value, gt: lots}", "when.gt: a number is needed, not 'lots'", ""),
    ("{event: page, distinct: a..b}", "when.distinct: `a..b` has an empty part", ""),
    ("{event: page, between_dates: 2026-01-01}", "when.between_dates: two dates [first, last] are needed", ""),
    ("{event: page, between_dates: [2026-02-01, 2026-01-01]}",
     "when.between_dates: 2026-02-01 is after 2026-01-01", "write the earlier date first"),
    ("{event: page, between_dates: [2026-01-01, 2026-02-30]}",
     "when.between_dates[1]: the calendar has no 2026-02-30", ""),
    ("{event: page, between_dates: [2026-01-01, 2026-01-31], within_days: 3}",
     "when: `between_dates` and `within_days` stand together", "keep one of them"),
    ("{event: page, wher: []}", "when: unknown key `wher`", "did you mean `where`?"),
    ("{event: page, where: {property: path, is: x}}", "when.where: a list is needed", "[{property: path"),
    ("{event: page, where: [{path: x}]}", "when.where[0]: `property` is missing", ""),
    ("{event: page, where: [{property: a..b, is: x}]}", "when.where[0].property: `a..b` has an empty part", ""),
    ("{event: page, where: [{property: a, ist: x}]}", "when.where[0]: unknown key `ist`", "did you mean `is`?"),
    ("{event: page, times: 3}", "when.times: a mapping of keys is needed, not 3", ""),
    ("{event: page, times: {}}", "when.times: no number is given", "{at_least: 3}"),
    ("{event: page, times: {at_lest: 3}}", "when.times: unknown key `at_lest`", "did you mean `at_least`?"),
    ("{event: page, times: {at_least: -1}}", "when.times.at_least: a whole number from 0 is needed", ""),
    ("{event: page, times: {at_least: 1.5}}", "when.times.at_least: a whole number from 0 is needed", ""),
    ("{event: page, times: {exactly: 1, at_most: 2}}", "when.times: `exactly` stands alone", ""),
    ("{event: page, times: {at_least: 3, at_most: 2}}", "when.times: at least 3 and at most 2", ""),
    ("{event: page, within_days: 0}", "when.within_days: a number above 0 is needed, not 0", ""),
    ("{event: page, within_days: 1, since: a}", "when: `within_days` and `since` stand together", ""),
    ("{score: m}", "when: nothing is asked; exactly one is needed", "known: gt, gte, lt, lte, between, grade"),
    ("{score: m, grade: E}", "when.grade: no grade 'E'", ""),
    ("{score: m, grade: A, dimension: fit}", "when: `grade` and `dimension` stand together", ""),
    ("{temperature: hott}", "when.temperature: no temperature 'hott'", "did you mean `hot`?"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED)
def test_it_refuses_what_it_cannot_mean(text: str, message: str, hint: str) -> None:
    with pytest.raises(DocumentError) as error:
        parse(found(text), place="when")
    assert str(error.value).startswith(message)
    assert hint in error.value.hint


def test_it_refuses_a_tree_deeper_than_any_person_would_write() -> None:
    document: Any = {"event": "page"}
    for _ in range(40):
        document = {"not": document}
    with pytest.raises(DocumentError, match="nested more than 30 deep"):
        parse(document)


def test_it_names_the_attributes_and_events_it_reads() -> None:
    tree = parse({"all": [{"attribute": "country", "is": "ES"}, {"not": {"any": [{"event": "purchase"}]}}]})
    assert names_of(tree) == {"country", "purchase"}


SAID = [
    ("{attribute: country, is: ES}", "el país es ES", "the country is ES"),
    ("{attribute: job_title, contains_any: [director, gerente general]}",
     "el cargo contiene director o «gerente general»", "the job title contains director or “gerente general”"),
    ("{attribute: employees, between: [50, 1000.5]}",
     "el número de empleados está entre 50 y 1000,5", "the number of employees is between 50 and 1000.5"),
    ("{attribute: has_crm, is: true}", "has crm es sí", "has crm is yes"),
    ("{attribute: country, none_of: [ES, PT]}", "el país no es ES ni PT", "the country is neither ES nor PT"),
    ("{attribute: country, none_of: [ES]}", "el país no es ES", "the country is not ES"),
    ("{attribute: sector, any_of: [salud, hostelería, ocio]}",
     "el sector es salud, hostelería u ocio", "the sector is salud, hostelería or ocio"),
    ("{attribute: tags, all_of: [a, i]}", "tags incluye a e i", "tags includes a and i"),
    ("{attribute: phone, is_empty: true}", "el teléfono no tiene valor", "the phone has no value"),
    ("{event: page, where: [{property: path, starts_with: /precios}], times: {at_least: 3}, within_days: 30}",
     "la página visitada empieza por /precios, al menos 3 veces en 30 días",
     "the page visited starts with /precios, at least 3 times in 30 days"),
    ("{event: download, where: [{property: asset, is: Guía 2026}]}",
     "descarga un contenido donde el contenido es «Guía 2026»", "downloads content where the asset is “Guía 2026”"),
    ("{event: any, times: {at_most: 0}, within_days: 60}", "no hace nada en 60 días", "does nothing in 60 days"),
    ("{event: purchase, times: {exactly: 0}}", "compra, ninguna vez", "buys, never"),
    ("{event: cita_pedida, times: {at_least: 1, at_most: 2}, within_days: 1}",
     "hace cita_pedida, al menos 1 vez y como mucho 2 veces en 1 día",
     "does cita_pedida, at least 1 time and at most 2 times in 1 day"),
    ("{event: page, since: entry}", "visita una página, desde la entrada", "visits a page, since the entry"),
    ("{event: page, since: hola}", "visita una página, desde el paso hola", "visits a page, since the step hola"),
    ("{all: [{attribute: country, is: ES}, {any: [{event: purchase}, {not: {temperature: hot}}]}]}",
     "el país es ES y (compra o (no se cumple: está caliente))",
     "the country is ES and (buys or (not: is hot))"),
    ("{all: []}", "siempre", "always"),
    ("{any: []}", "nunca", "never"),
    ("{score: readiness, gte: 40}", "la puntuación readiness llega a 40", "the score readiness reaches 40"),
    ("{score: readiness, dimension: fit, between: [1, 2]}",
     "la puntuación readiness en fit está entre 1 y 2", "the score readiness in fit is between 1 and 2"),
    ("{score: readiness, grade: A}", "la puntuación readiness tiene la letra A", "the score readiness has the grade A"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "spanish", "english"), SAID)
def test_it_says_itself_in_both_languages(text: str, spanish: str, english: str) -> None:
    tree = parse(found(text))
    assert (say(tree, "es"), say(tree, "en")) == (spanish, english)


def test_the_reference_page_knows_every_condition_and_operator() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/criteria.md").read_text(encoding="utf-8")
    assert [kind for kind in plugins("conditions") if f"{{{kind}: " not in page] == []
    assert [word for word in (*OPERATORS, *LATER) if f"`{word}`" not in page] == []
    assert parse(read_document(page.split("```yaml")[1].split("```")[0]))


@settings(deadline=None, database=None, max_examples=200)
@given(document=samples.documents)
def test_whatever_can_be_read_can_be_said(document: Any) -> None:
    tree = parse(document)
    assert say(tree, "es")
    assert say(tree, "en")
