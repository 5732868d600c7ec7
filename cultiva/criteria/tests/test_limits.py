"""Criteria as large as programs write them."""

import json
from pathlib import Path
from typing import Any

import pytest

from cultiva.criteria.language import parse, say
from cultiva.criteria.tests.cast import Act, Person, make_people
from cultiva.criteria.tests.on_files import select_people, write_people
from cultiva.criteria.tests.test_predicates import select_leads
from cultiva.lib.documents import DocumentError, read_document

ADDRESSES = [f"user{n}@example.com" for n in range(50_000)]


def test_a_list_of_50_000_addresses_is_one_condition(huerta: Any, at: Any, tmp_path: Path) -> None:
    people = [Person({"a": "User7@example.com"}), Person({"a": "other@example.com"}), Person()]
    ids = make_people(huerta, people, at)
    document = read_document(json.dumps({"attribute": "a", "any_of": ADDRESSES}))
    assert select_leads(huerta, document, at) == ids[:1]
    assert select_leads(huerta, {"attribute": "a", "none_of": ADDRESSES}, at) == ids[1:]
    write_people(tmp_path, people, at)
    assert select_people(tmp_path, document, at) == [0]
    assert say(parse(document), "es").endswith("user8@example.com o 49991 más")


def test_two_thousand_conditions_are_answered_and_more_are_refused(huerta: Any, at: Any, tmp_path: Path) -> None:
    people = [Person({"a": "v1999"}), Person({"a": "x"}), Person()]
    ids = make_people(huerta, people, at)
    nodes = [{"attribute": "a", "is": f"v{n}"} for n in range(2_000)]
    assert select_leads(huerta, {"any": nodes}, at) == ids[:1]
    write_people(tmp_path, people, at)
    assert select_people(tmp_path, {"any": nodes}, at) == [0]
    with pytest.raises(DocumentError, match="criteria: there are 2,001 conditions") as error:
        parse({"any": [*nodes, {"event": "page"}]})
    assert error.value.hint == "at most 2,000; a list in any_of counts as one, however long"


def test_hundreds_of_events_are_asked_for(huerta: Any, at: Any, tmp_path: Path) -> None:
    people = [Person(acts=[Act("e299")]), Person(acts=[Act("f")]), Person()]
    ids = make_people(huerta, people, at)
    nodes = [{"event": f"e{n}", "within_days": 30} for n in range(300)]
    assert select_leads(huerta, {"any": nodes}, at) == ids[:1]
    write_people(tmp_path, people, at)
    assert select_people(tmp_path, {"any": nodes}, at) == [0]
