"""The tracking script as a file: small, cacheable, loadable from anywhere."""

import gzip

from django.test import Client


def test_it_is_loadable_from_any_page_and_sets_no_cookie() -> None:
    answer = Client().get("/t.js")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not answer.cookies


def test_it_is_kept_an_hour_and_then_asked_for_by_its_mark() -> None:
    first = Client().get("/t.js")
    assert first.headers["Cache-Control"] == "public, max-age=3600"
    again = Client().get("/t.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    packed = Client().get("/t.js", headers={"Accept-Encoding": "gzip"})
    known = Client().get("/t.js", headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]})
    assert known.status_code == 304
    assert Client().post("/t.js").status_code == 405


def test_it_holds_its_promise_of_size_and_needs_no_eval() -> None:
    code = Client().get("/t.js").content
    assert len(gzip.compress(code, 9)) <= 3 * 1024
    for word in (b"eval(", b"new Function", b"sessionStorage", b"indexedDB", b"style"):
        assert word not in code, word
