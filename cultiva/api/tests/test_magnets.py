"""Lead magnets by program: looked at, given, redeemed."""

from datetime import datetime
from typing import Any

import pytest

from cultiva.api.tests.conftest import Program
from cultiva.magnets.codes import codes_of
from cultiva.magnets.models import CodeGuess, DiscountCode
from cultiva.magnets.tests.cast import grant, lead, publish


@pytest.fixture(autouse=True)
def now(at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cultiva.lib.clock.now", lambda: at)


def test_magnets_are_listed_and_given_once_with_a_link(huerta: Any, program: Program, at: datetime) -> None:
    publish(huerta, "trial", at, more="library: true\n")
    ana = lead(huerta, at)
    given = [program.ask("POST", "/magnets/trial/grants", {"email": "ana@example.com"}) for _ in range(2)]
    assert [status for status, _ in given] == [200, 200]
    assert given[0][1]["id"] == given[1][1]["id"]
    (row,) = program.get("/magnets/trial/grants")["data"]
    assert (row["lead_id"], row["via"], "/d/" in row["link"]) == (ana.id, "api", True)
    (magnet,) = program.get("/magnets")["data"]
    assert (magnet["key"], magnet["library"], magnet["funnel"]["asked"]) == ("trial", True, 1)
    assert program.ask("POST", "/magnets/trial/grants", {})[0] == 422
    assert program.ask("POST", "/magnets/trial/grants", {"email": "nobody@example.com"})[0] == 404
    assert program.ask("GET", "/magnets/nothing")[0] == 404


def test_a_code_is_redeemed_once_and_guesses_are_counted_though_they_are_refused(
    huerta: Any, program: Program, at: datetime
) -> None:
    publish(huerta, "discount", at)
    code = codes_of(grant(lead(huerta, at), "discount", at))[0][1]
    status, body = program.ask("POST", "/magnets/redeem", {"code": code.lower(), "purchase": "P-1"})
    assert (status, body["settings"]["percent"]) == (200, 20)
    assert DiscountCode.objects.get().redeemed_by == f"api_key:{program.key.id}"
    refused = [program.ask("POST", "/magnets/redeem", {"code": each}) for each in (code, "AAAAA-AAAAA")]
    assert refused[0] == refused[1]
    assert refused[0][0] == 409
    for _more in range(3):
        program.ask("POST", "/magnets/redeem", {"code": "AAAAA-AAAAA"})
    assert CodeGuess.objects.get().tries == 5
    assert program.ask("POST", "/magnets/redeem", {"code": "AAAAA-AAAAA"})[0] == 429
    assert program.last["Retry-After"] == "60"
