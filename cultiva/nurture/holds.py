"""Trips of both go on under the kept lead; of two inside the same workflow, the one that has come further."""

from django.utils.translation import gettext_lazy as _

from cultiva.lib.database import execute, load_sql
from cultiva.lib.holds import Hold, Pair, counted


def join_enrolments(pair: Pair, hold: Hold) -> None:
    execute(load_sql("nurture", "join_enrolments"), pair.parameters)
    execute(load_sql("nurture", "end_second_trips"), pair.parameters)


HOLDS = [
    Hold(
        "enrolment",
        "lead_id",
        join_enrolments,
        label=_("Workflows"),
        together=[("lead_id", "ordinal"), ("exited_at", "exit_reason")],
        says=counted("enrolment", _("Workflows"), _("Both leads' together; nobody is inside the same one twice.")),
    )
]
