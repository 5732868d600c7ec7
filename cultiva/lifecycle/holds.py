"""Stage changes are each lead's own record. The kept lead stands where the further of the two stood: one more change,
which names the merge, and which no longer counts once the merge is undone."""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from cultiva.lib.database import execute, fetch_all, load_sql
from cultiva.lib.holds import Glance, Hold, Line, Pair, append_only
from cultiva.lib.persons import Fate, Person, Place
from cultiva.lifecycle.document import START, read_lifecycle
from cultiva.lifecycle.models import LifecycleVersion


@append_only
def join_stages(pair: Pair, hold: Hold) -> None:
    version = LifecycleVersion.in_force(pair.workspace_id)
    lifecycle = read_lifecycle(version.body) if version else None
    ladder = lifecycle.ladder if lifecycle else [START]
    # Who was put aside stands before all but those who never moved: an empty record does not bring them back.
    aside = [stage for stage in (lifecycle.stage_keys if lifecycle else ()) if stage not in ladder]
    order = {stage: 2 * place for place, stage in enumerate(ladder)} | dict.fromkeys(aside, 1)
    stages = {"stages": list(order), "places": list(order.values())}
    execute(load_sql("lifecycle", "join_births"), pair.parameters)
    execute(load_sql("lifecycle", "join_stages"), pair.parameters | stages)


def say_stages(glance: Glance) -> Iterable[Line]:
    stages = [rows["lead_state"][0]["stage"] for rows in (glance.kept, glance.merged, glance.result)]
    yield Line("state", _("Stage"), stages, _("The further of the two."))


def empty_changes(person: Person, place: Place) -> int:
    """What somebody wrote of them, and what led to it; the steps stay."""
    return int(fetch_all(load_sql("lifecycle", "erase_stage_changes"), person.parameters)[0]["changes"])


EMPTIED = Fate("emptied", empty_changes, _("The steps stay, for the totals; not why."))

HOLDS = [Hold("stage_change", "lead_id", join_stages, says=say_stages, label=_("Changes of stage"), erased=EMPTIED)]
