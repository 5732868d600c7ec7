"""Links, folding, the clock, documents: the floor everything stands on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultiva.lib import clock, signing
from cultiva.lib.documents import DocumentError, check_keys, read_document
from cultiva.lib.folding import fold, folded_where_different, number_text


def test_a_signed_link_gives_its_numbers_back() -> None:
    assert signing.unsign("click", signing.sign("click", 7, 0, 12345678901)) == (7, 0, 12345678901)


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: "1" + t, lambda t: t.replace(".", "", 1), lambda t: ""])
def test_a_changed_link_is_refused(change: Any) -> None:
    with pytest.raises(signing.BadLink):
        signing.unsign("click", change(signing.sign("click", 7, 8)))


def test_a_link_for_one_purpose_opens_no_other() -> None:
    with pytest.raises(signing.BadLink):
        signing.unsign("unsubscribe", signing.sign("click", 7, 8))


def test_a_link_expires() -> None:
    until = datetime(2026, 3, 1, tzinfo=UTC)
    token = signing.sign_until("download", until, 5)
    assert signing.unsign_until("download", token, until) == (5,)
    with pytest.raises(signing.ExpiredLink):
        signing.unsign_until("download", token, until + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Dirección", "direccion"), ("STRAßE", "strasse"), ("ﬁn", "fin"), ("İ", "i"), ("Ñandú", "nandu")],
)
def test_texts_are_compared_folded(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("number", "text"),
    [(5, "5"), (99.5, "99.5"), (1e21, "1e+21"), (1e20, "100000000000000000000"), (1e-7, "1e-7"), (0.000001, "0.000001"),
     (-0.0, "0"), (-12.25, "-12.25"), (5e-324, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308")],
)  # fmt: skip
def test_numbers_read_as_in_ecmascript(number: float, text: str) -> None:
    assert number_text(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_and_its_text_are_one(number: float) -> None:
    assert float(number_text(number)) == number


def test_only_what_folds_differently_is_stored_twice() -> None:
    given = {"path": "/precios", "job": "Dirección", "deep": {"name": "X", "n": 1}, "list": ["a", "B"], "n": 99.5}
    assert folded_where_different(given) == {"job": "direccion", "deep": {"name": "x"}, "list": ["a", "b"]}


@pytest.mark.django_db
def test_the_clock_moves_forward_only() -> None:
    before = clock.now()
    assert clock.advance(timedelta(days=3)) - before >= timedelta(days=3)
    with pytest.raises(clock.ClockError, match="forward only"):
        clock.advance(timedelta(days=-1))


@pytest.mark.django_db
def test_outside_a_demo_the_clock_is_real(settings: Any) -> None:
    settings.IS_DEMO = False
    with pytest.raises(clock.ClockError, match="CULTIVA_DEMO=1"):
        clock.advance(timedelta(days=3))
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\na: 2", "line 2"),
        ("- x", "a mapping of keys is needed"),
        ("a: [", "line 1"),
        ("a: !!python/name:os x", "line 1"),
    ],
)
def test_a_document_that_cannot_be_read_says_where(text: str, problem: str) -> None:
    with pytest.raises(DocumentError, match=problem):
        read_document(text)


def test_documents_hold_only_what_json_holds() -> None:
    found = read_document("day: 2024-01-02\nswitch: on\nnumber: 010\ntruth: true\ntime: 12:30")
    assert found == {"day": "2024-01-02", "switch": "on", "number": 10, "truth": True, "time": "12:30"}


def test_an_unknown_key_is_named_with_the_nearest() -> None:
    with pytest.raises(DocumentError, match="rules\\[0\\]: unknown key `pionts`\nhint: did you mean `points`\\?"):
        check_keys({"pionts": 5}, allowed={"points", "when"}, place="rules[0]")
