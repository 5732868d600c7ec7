"""Discount codes: good once, whoever tries at the same time, and hard to guess."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from cultiva.events.models import Event
from cultiva.lib.database import workspace_scope
from cultiva.magnets.actions import act_on, take_download
from cultiva.magnets.codes import (
    BadCodes,
    TooManyGuesses,
    codes_of,
    fill_pool,
    make_code,
    pool_of,
    redeem_code,
)
from cultiva.magnets.kinds import CannotAct, Page
from cultiva.magnets.models import DiscountCode
from cultiva.magnets.tests.cast import grant, lead, publish, token

POOL = "settings: {amount: 5 euros, codes: pool}"


def code_of(workspace: Any, at: datetime, email: str = "ana@example.com") -> str:
    return codes_of(grant(lead(workspace, at, email), "discount", at))[0][1]


def test_each_lead_has_a_code_of_fifty_bits(huerta: Any, at: datetime) -> None:
    publish(huerta, "discount", at)
    codes = {code_of(huerta, at, f"{n}@example.com") for n in range(5)}
    assert len(codes) == 5
    assert all(len(code.replace("-", "")) == 10 and not set(code) & set("ILOU") for code in codes)
    assert len({make_code() for _ in range(500)}) == 500


def test_a_code_is_found_however_it_is_typed_and_is_good_once(huerta: Any, at: datetime) -> None:
    publish(huerta, "discount", at)
    code = code_of(huerta, at)
    typed = f" {code.replace('-', ' ').lower().replace('0', 'o').replace('1', 'l')} "
    redeemed = redeem_code(workspace_id=huerta.id, code=typed, sender="a", by="user:1", purchase="P-7", at=at)
    assert redeemed is not None
    assert (redeemed.redeemed_by, redeemed.purchase) == ("user:1", "P-7")
    assert redeem_code(workspace_id=huerta.id, code=code, sender="a", by="user:1", at=at) is None
    assert Event.objects.get(name="discount_redeemed").properties["purchase"] == "P-7"


def test_an_expired_code_and_one_of_another_workspace_are_as_unknown(huerta: Any, other_co: Any, at: datetime) -> None:
    publish(huerta, "discount", at)
    code = code_of(huerta, at)
    late = at + timedelta(days=30)
    assert redeem_code(workspace_id=huerta.id, code=code, sender="a", by="x", at=late) is None
    assert redeem_code(workspace_id=other_co.id, code=code, sender="a", by="x", at=at) is None
    assert redeem_code(workspace_id=huerta.id, code=code, sender="a", by="x", at=late - timedelta(seconds=1))


def test_whoever_guesses_waits_twice_as_long_each_time(huerta: Any, at: datetime) -> None:
    publish(huerta, "discount", at)
    code = code_of(huerta, at)

    def guess(text: str, when: datetime, sender: str = "a") -> Any:
        return redeem_code(workspace_id=huerta.id, code=text, sender=sender, by="x", at=when)

    for _try in range(5):
        assert guess("AAAAA-AAAAA", at) is None
    waits = []
    for _round in range(3):
        with pytest.raises(TooManyGuesses) as refused:
            guess(code, at)
        waits.append(refused.value.seconds)
        at += timedelta(seconds=refused.value.seconds)
        assert guess("AAAAA-AAAAA", at) is None
    assert [round(wait / 60) for wait in waits] == [1, 2, 4]
    assert guess(code, at, sender="b") is not None


def test_a_pool_gives_its_codes_in_turn_and_who_came_too_late_gets_the_next_that_come(
    huerta: Any, at: datetime
) -> None:
    publish(huerta, "discount", at, settings=POOL)
    added = fill_pool(workspace_id=huerta.id, magnet="discount", text="VERANO-1\nVERANO-1\n", expires_at=None, at=at)
    first, second = (grant(lead(huerta, at, f"{n}@example.com"), "discount", at) for n in (1, 2))
    assert added == (1, 0)
    assert [code for _, code in codes_of(first)] == ["VERANO-1"]
    assert codes_of(second) == []
    again = fill_pool(
        workspace_id=huerta.id, magnet="discount", text="VERANO-1\nVERANO-2\nVERANO-3", expires_at=None, at=at
    )
    assert again == (2, 1)
    assert [code for _, code in codes_of(second)] == ["VERANO-2"]
    pool = pool_of(workspace_id=huerta.id, magnet="discount", at=at)
    assert (pool.waiting, pool.given) == (1, 2)
    with pytest.raises(BadCodes):
        fill_pool(workspace_id=huerta.id, magnet="discount", text="ab", expires_at=None, at=at)


def test_the_page_shows_the_code_and_its_button_uses_it_up(huerta: Any, at: datetime) -> None:
    publish(huerta, "discount", at)
    granted = grant(lead(huerta, at), "discount", at)
    other = codes_of(grant(lead(huerta, at, "b@example.com"), "discount", at))[0][0]
    page = take_download(token=token(granted, at), at=at, actor="human")
    assert isinstance(page, Page)
    assert DiscountCode.objects.get(grant=granted).redeemed_at is None
    own = {"code": str(page.values["codes"][0]["id"])}
    with pytest.raises(CannotAct):
        act_on(token=token(granted, at), act="redeem", fields={"code": str(other.id)}, at=at)
    act_on(token=token(granted, at), act="redeem", fields=own, at=at)
    with pytest.raises(CannotAct):
        act_on(token=token(granted, at), act="redeem", fields=own, at=at)


def test_of_a_hundred_who_redeem_one_code_at_once_exactly_one_does(company: Any, at: datetime) -> None:
    with workspace_scope(company.id):
        publish(company, "discount", at)
        code = code_of(company, at)

    def redeem(number: int) -> bool:
        try:
            return (
                redeem_code(workspace_id=company.id, code=code, sender=f"shop {number}", by="api_key:1", at=at)
                is not None
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as threads:
        done = list(threads.map(redeem, range(100)))
    assert sum(done) == 1
    with workspace_scope(company.id):
        assert Event.objects.filter(workspace_id=company.id, name="discount_redeemed").count() == 1
