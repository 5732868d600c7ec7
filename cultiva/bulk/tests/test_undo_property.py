"""Whatever was known, whatever is done to it and whoever changes what meanwhile: undoing gives back what nobody
changed. Compared with plain Python."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultiva.bulk.running import create_action, go_on, start
from cultiva.bulk.tests.conftest import known_of, settle, undo
from cultiva.leads.actions import save_lead
from cultiva.leads.attributes import define
from cultiva.leads.changing import change_attributes
from cultiva.lib.folding import fold

NUMBERS = count()
SECTORS = st.sampled_from([None, "vino", "Vino", "fruta", "=1+1"])
TAGS = st.lists(st.sampled_from(["vip", "VIP", "feria", "Feriá", "año"]), unique_by=fold, max_size=3)
KNOWN = st.fixed_dictionaries({"sector": SECTORS, "tags": TAGS})
ACTIONS = st.one_of(
    st.tuples(st.just("set_attribute"), SECTORS.map(lambda value: {"attribute": "sector", "value": value or ""})),
    st.tuples(st.sampled_from(["add_tag", "remove_tag"]), st.sampled_from(["vip", "FERIA", "nuevo"]).map(
        lambda tag: {"tag": tag}
    )),
)  # fmt: skip
MANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def done(known: dict[str, Any], kind: str, given: dict[str, Any]) -> dict[str, Any]:
    tags = known["tags"]
    if kind == "set_attribute":
        return known | {"sector": given["value"] or None}
    if kind == "add_tag":
        return known | {"tags": tags if fold(given["tag"]) in map(fold, tags) else [*tags, given["tag"]]}
    return known | {"tags": [tag for tag in tags if fold(tag) != fold(given["tag"])]}


def taken_back(before: dict[str, Any], after: dict[str, Any], now: dict[str, Any], given: dict[str, Any]) -> Any:
    """`after` is what the action made of `before`, `now` what others made of that."""
    if before == after:
        return now
    if "attribute" in given:
        return now | {"sector": before["sector"]} if now["sector"] == after["sector"] else now
    tag, tags = fold(given["tag"]), now["tags"]
    if len(after["tags"]) > len(before["tags"]):
        return now | {"tags": [each for each in tags if fold(each) != tag]}
    lost = [each for each in before["tags"] if fold(each) == tag]
    return now | {"tags": tags if tag in map(fold, tags) else [*tags, *lost]}


@MANY
@given(leads=st.lists(st.tuples(KNOWN, st.none() | KNOWN), min_size=1, max_size=4), action=ACTIONS)
def test_undoing_gives_back_what_nobody_changed(
    lawful: Any, at: datetime, leads: list[tuple[dict[str, Any], dict[str, Any] | None]], action: Any
) -> None:
    kind, asked = action
    for key, type_ in (("sector", "text"), ("tags", "multi_choice")):
        define(workspace_id=lawful.id, subject="lead", key=key, type=type_, at=at)
    made = [
        save_lead(
            workspace_id=lawful.id, email=f"p{next(NUMBERS)}@example.com", source_kind="form", at=at,
            attributes={key: value for key, value in known.items() if value},
        )[0]
        for known, _ in leads
    ]  # fmt: skip

    def rows() -> list[dict[str, Any]]:
        return [{"sector": k.get("sector"), "tags": k.get("tags", [])} for k in map(known_of, made)]

    ran = create_action(
        workspace_id=lawful.id, kind=kind, settings=asked, selection={"leads": [lead.id for lead in made]}, by="u",
        at=at,
    )  # fmt: skip
    hours = [at + timedelta(hours=n) for n in range(1, 4)]
    ran = go_on(action=start(action=ran, at=hours[0], by="u"), now=lambda: hours[0])
    after = [done(known, kind, asked) for known, _ in leads]
    assert rows() == after
    changes = {lead.id: change for lead, (_, change) in zip(made, leads, strict=True) if change is not None}
    change_attributes(
        workspace_id=lawful.id, lead_ids=sorted(changes), at=hours[1], context={},
        change=lambda lead_id, _: {key: value or None for key, value in changes[lead_id].items()},
    )  # fmt: skip
    now = [state if change is None else change for state, (_, change) in zip(after, leads, strict=True)]
    assert rows() == now
    if any(known != state for (known, _), state in zip(leads, after, strict=True)):
        undo(ran, hours[2])
    wanted = [taken_back(known, a, n, asked) for (known, _), a, n in zip(leads, after, now, strict=True)]
    assert rows() == wanted
    settle(lawful, hours[2])  # the ledger alone tells the same
    assert rows() == wanted
