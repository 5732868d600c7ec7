"""Requests of both leads go on under the kept lead."""

from django.utils.translation import gettext_lazy as _

from cultiva.lib.database import fetch_all, load_sql
from cultiva.lib.holds import Hold, counted, move
from cultiva.lib.persons import Fate, Person, Place


def empty_texts(person: Person, place: Place) -> int:
    """What they wrote, and what was written of them; the steps and their dates stay."""
    return int(fetch_all(load_sql("privacy", "empty_texts"), person.parameters)[0]["requests"])


REQUESTS = Fate("emptied", empty_texts, _("That they asked, when, and who answered stays: it proves that we did."))

HOLDS = [
    Hold("privacy_request", "lead_id", move, label=_("Requests"), erased=REQUESTS,
         says=counted("privacy_request", _("Requests"), _("Both leads' together.")),
         also="jsonb_build_object('texts', (SELECT jsonb_agg(w.text ORDER BY w.step_id) FROM privacy_text w"
              " JOIN privacy_step s ON s.id = w.step_id WHERE s.request_id = t.id AND w.text <> ''))"),
    Hold("privacy_erasure", "lead_id", move, "link"),
]  # fmt: skip
