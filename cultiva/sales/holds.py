"""Hand-overs of both go on, each with its own clock; a lead without owner gets the other's."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _

from cultiva.accounts.models import User
from cultiva.lib.database import execute, load_sql
from cultiva.lib.holds import Glance, Hold, Line, Pair, counted, move
from cultiva.lib.persons import Fate, empty


def join_hand_overs(pair: Pair, hold: Hold) -> None:
    execute(load_sql("sales", "join_owners"), pair.parameters)
    move(pair, hold)


def say_sales(glance: Glance) -> Iterable[Line]:
    owners = [_owner(rows["lead_state"][0]) for rows in (glance.kept, glance.merged, glance.result)]
    if owners[0] or owners[1]:
        yield Line("state", _("Owner"), owners, _("The kept lead's owner; where there is none, the other's."))
    hand_overs = counted("hand_over", _("Hand-overs"), _("Both leads' together; open ones keep their clock."))
    yield from hand_overs(glance)


def _owner(state: dict[str, Any]) -> str:
    found = User.objects.filter(id=state["owner_id"]).first() if state["owner_id"] else None
    return str(found or "")


EMPTIED = Fate("emptied", empty(reason=""), _("That it was handed over stays, for the totals; not what was said."))

HOLDS = [Hold("hand_over", "lead_id", join_hand_overs, says=say_sales, label=_("Hand-overs"), erased=EMPTIED)]
