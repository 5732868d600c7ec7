"""A merge loses no membership: stays become the kept lead's, with the earlier since; `flow` then judges them anew.

Whom a person keeps out of a segment under one of the two, is kept out.
"""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.holds import Change, Hold, Pair, counted, drop, put_back
from cultiva.segments.refreshing import wait_for_builds


def join_members(pair: Pair, hold: Hold) -> None:
    """Where both are inside, the merged lead's stay ends: a segment counts a person once."""
    wait_for_builds(pair.workspace_id)
    for statement in ("join_since", "join_doubles", "join_members"):
        execute(load_sql("segments", statement), pair.parameters)


def part_members(pair: Pair, hold: Hold, changes: Sequence[Change]) -> None:
    """The days' figures follow the stays that begin again."""
    wait_for_builds(pair.workspace_id)
    ids = [change.key for change in changes]
    parameters = {"workspace": pair.workspace_id, "stays": ids}
    before = {row["id"]: row["until"] for row in fetch_all(load_sql("segments", "ends_of_stays"), parameters)}
    put_back(pair, hold, changes)
    again = [
        row["id"]
        for row in fetch_all(load_sql("segments", "ends_of_stays"), parameters)
        if row["until"] is None and before[row["id"]] is not None
    ]
    if again:
        execute(load_sql("segments", "uncount_exits"), {**pair.parameters, "stays": again, "merged_at": pair.merged_at})


def join_pins(pair: Pair, hold: Hold) -> None:
    for statement in ("join_kept_out", "join_pins"):
        execute(load_sql("segments", statement), pair.parameters)


HOLDS = [
    Hold("segment_member", "lead_id", join_members, undo=part_members, label=_("Segments"), says=counted(
        "segment_member", _("Segments"), _("The kept lead is in all of them, unless their criteria now say otherwise."),
    ), also="jsonb_build_object('segment', (SELECT name FROM segment s WHERE s.id = t.segment_id))"),
    Hold("segment_pin", "lead_id", join_pins, together=[("is_included", "by", "at")],
         label=_("Put into a segment by hand"),
         also="jsonb_build_object('segment', (SELECT name FROM segment s WHERE s.id = t.segment_id))"),
    Hold("segment_wake", "lead_id", drop, "figure", key="lead_id"),
    Hold("segment_mark", "lead_id", drop, "figure"),
    Hold("segment_known", "lead_id", drop, "figure", key="lead_id"),
    Hold("lead_persona", "lead_id", drop, "figure", key="lead_id", label=_("Persona")),
    Hold("persona_due", "lead_id", drop, "figure", key="lead_id"),
]  # fmt: skip
