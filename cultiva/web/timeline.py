"""What happened to a lead, said in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from cultiva.lib.database import fetch_all, load_sql
from cultiva.scoring.causes import RuleWords

Json = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One line: icon (a symbol's name), text, when; `group` is what the timeline's filter knows."""

    icon: str
    text: SafeString
    at: datetime
    group: str
    is_machine: bool
    id: int
    may_be_marked: bool  # that a machine did it
    is_marked: bool  # by staff
    causes: Sequence[str] = ()  # of a change of temperature or grade


GROUPS = ("visits", "mail", "stages", "consent", "other")


# What a person's own program could have done in their place; what we record ourselves is never marked.
ACTS = (
    "page", "download", "email_clicked", "form_submitted", "Form Submitted", "File Downloaded", "Outbound Link Clicked",
    "Video Progress",
)  # fmt: skip


def lead_timeline(
    *, workspace_id: int, lead_id: int, at: datetime, words: Mapping[str, str], group: str = "", limit: int = 40
) -> list[Entry]:
    """Entries up to `at`, newest first. `words` says keys of stages and temperatures in the reader's language."""
    rows = fetch_all(
        load_sql("web", "timeline"),
        {"workspace": workspace_id, "lead": lead_id, "at": at, "limit": limit * 4 if group else limit},
    )
    rules = RuleWords(workspace_id, [row["properties"] for row in rows if row["kind"] == "score"])
    entries = [entry_of(row, words, rules) for row in rows]
    return [entry for entry in entries if not group or entry.group == group][:limit]


def entry_of(row: Json, words: Mapping[str, str], rules: RuleWords | None = None) -> Entry:
    key = row["name"] if row["name"] in SENTENCES else row["kind"]
    icon, group, say = SENTENCES.get(key, ("point", "other", _plain))
    return Entry(
        icon=icon,
        text=say({"name": row["name"], **{key: _said(value, words) for key, value in row["properties"].items()}}),
        at=row["occurred_at"],
        group=group,
        is_machine=row["actor"] == "machine" and (row["name"] in ACTS or row["is_marked"]),
        id=row["id"],
        may_be_marked=row["kind"] in ("track", "page", "screen") and row["actor"] != "machine",
        is_marked=row["is_marked"],
        causes=rules.said(row["properties"]) if rules and row["kind"] == "score" else (),
    )


def _said(value: Any, words: Mapping[str, str]) -> Any:
    return words.get(value, value) if isinstance(value, str) else value


def _plain(facts: Json) -> SafeString:
    return format_html("{}", facts["name"])


def _with(text: Callable[[], str], *keys: str) -> Callable[[Json], SafeString]:
    """A sentence with the event's own values in bold; a missing one is a dash."""

    def say(facts: Json) -> SafeString:
        values = {key: format_html("<strong>{}</strong>", facts.get(key) or "–") for key in keys}
        return format_html(text(), **values) if values else format_html("{}", text())

    return say


_entered = _with(lambda: _("Entered the segment {segment}"), "segment")
_left = _with(lambda: _("Left the segment {segment}"), "segment")

SENTENCES: dict[str, tuple[str, str, Callable[[Json], SafeString]]] = {
    "page": ("eye", "visits", _with(lambda: _("Visited {path}"), "path")),
    "form_submitted": ("forms", "visits", _with(lambda: _("Sent the form {form}"), "form")),
    "download": ("file-download", "visits", _with(lambda: _("Downloaded {asset}"), "asset")),
    "Form Submitted": ("forms", "visits", _with(lambda: _("Sent a form on {action}"), "action")),
    "File Downloaded": ("file-download", "visits", _with(lambda: _("Downloaded {file}"), "file")),
    "Outbound Link Clicked": ("external-link", "visits", _with(lambda: _("Followed a link to {domain}"), "domain")),
    "Video Progress": (
        "player-play", "visits", _with(lambda: _("Watched {percent} percent of {video}"), "percent", "video"),
    ),
    "magnet_granted": ("magnet", "visits", _with(lambda: _("Was given {magnet}"), "magnet")),
    "magnet_opened": ("magnet", "visits", _with(lambda: _("Opened {magnet}"), "magnet")),
    "video_progress": (
        "player-play", "visits", _with(lambda: _("Watched {percent} percent of {magnet}"), "percent", "magnet"),
    ),
    "webinar_registered": ("calendar", "visits", _with(lambda: _("Signed up for a date of {magnet}"), "magnet")),
    "webinar_seated": ("calendar", "visits", _with(lambda: _("Got a seat in {magnet}"), "magnet")),
    "webinar_cancelled": ("calendar", "visits", _with(lambda: _("Gave a seat in {magnet} back"), "magnet")),
    "webinar_attended": ("calendar", "visits", _with(lambda: _("Came to {magnet}"), "magnet")),
    "discount_redeemed": ("tag", "visits", _with(lambda: _("Redeemed a code of {magnet}"), "magnet")),
    "referred": ("user-plus", "visits", _with(lambda: _("Was brought by somebody: {magnet}"), "magnet")),
    "referral_visited": ("link", "visits", _with(lambda: _("Somebody followed their personal link"))),
    "referral_rewarded": ("gift", "visits", _with(lambda: _("Was rewarded for bringing somebody"))),
    "social": ("world", "visits", _with(lambda: _("{network}: {action}"), "network", "action")),
    "lead_received": ("plug", "visits", _with(lambda: _("Gave their data to {connector}"), "connector")),
    "entered_by_hand": ("pencil", "other", _with(lambda: _("Written down by a colleague"))),
    "told_of_data": ("mail-check", "consent", _with(lambda: _("Was told that we have their data"))),
    "quote_requested": ("file-text", "visits", _with(lambda: _("Asked for a quote"))),
    "purchase": ("shopping-cart", "visits", _with(lambda: _("Bought for {value} €"), "value")),
    "service_request": ("tool", "visits", _with(lambda: _("Asked customer service for help"))),
    "email_sent": ("send", "mail", _with(lambda: _("We sent “{subject}”"), "subject")),
    "email_clicked": ("click", "mail", _with(lambda: _("Clicked {url}"), "url")),
    "email_refused": ("ban", "mail", _with(lambda: _("A mail was not sent: {reason}"), "reason")),
    "email_failed": ("alert-triangle", "mail", _with(lambda: _("A mail could not be delivered: {reason}"), "reason")),
    "email_uncertain": ("alert-triangle", "mail", _with(lambda: _("A mail may have left or not: {reason}"), "reason")),
    "stage_changed": ("route", "stages", _with(lambda: _("Stage {from} → {to}"), "from", "to")),
    "handed_over": ("heart-handshake", "stages", _with(lambda: _("Handed over to sales"))),
    "hand_over_accepted": ("check", "stages", _with(lambda: _("Sales accepted the hand-over"))),
    "hand_over_rejected": ("x", "stages", _with(lambda: _("Sales gave the lead back: {reason}"), "reason")),
    "temperature_changed": ("temperature", "stages", _with(lambda: _("Temperature {from} → {to}"), "from", "to")),
    "grade_changed": ("star", "stages", _with(lambda: _("Grade {from} → {to}"), "from", "to")),
    "segment": ("users-group", "stages", lambda facts: _entered(facts) if facts["name"] == "entered" else _left(facts)),
    "persona_changed": ("user-circle", "stages", _with(lambda: _("Persona {from} → {persona}"), "from", "persona")),
    "policy_accepted": ("shield-check", "consent", _with(lambda: _("Accepted the privacy policy"))),
    "imported_with_proof": ("upload", "consent", _with(lambda: _("Imported, with a proof of consent"))),
    "imported_declared": ("upload", "consent", _with(lambda: _("Imported, their consent declared by a named person"))),
    "imported_contract": ("upload", "consent", _with(lambda: _("Imported as a customer, by contract"))),
    "informed": ("mail", "consent", _with(lambda: _("Was told where their data come from"))),
    "import_undone": ("history", "other", _with(lambda: _("The import that brought them was undone"))),
    "given": ("circle-check", "consent", _with(lambda: _("Gave consent: {purpose}"), "purpose")),
    "withdrawn": ("ban", "consent", _with(lambda: _("Withdrew consent: {purpose}"), "purpose")),
    "confirmed": ("mail-check", "consent", _with(lambda: _("Confirmed the address"))),
    "confirmation_requested": ("mail", "consent", _with(lambda: _("Was asked to confirm the address"))),
    "confirmation_reminded": ("mail", "consent", _with(lambda: _("Was reminded to confirm the address"))),
    "expiring": ("clock", "consent", _with(lambda: _("Consent is about to expire: {purpose}"), "purpose")),
    "objected": ("ban", "consent", _with(lambda: _("Wants no marketing any more"))),
    "restricted": ("lock", "consent", _with(lambda: _("Their data are kept, and not used"))),
    "released": ("circle-check", "consent", _with(lambda: _("Their data may be used again"))),
    "blocked": ("lock", "consent", _with(lambda: _("Erased: what is left is kept for the law alone"))),
    "minor": ("user", "consent", _with(lambda: _("Is a minor"))),
    "guardian_consented": ("user-check", "consent", _with(lambda: _("A parent or guardian agreed"))),
    "contract": ("file-text", "consent", _with(lambda: _("Has a contract"))),
    "soft_opt_in": (
        "shopping-cart", "consent", _with(lambda: _("Bought, and did not refuse advertising: {purpose}"), "purpose"),
    ),
    "lead_merged": ("users", "other", _with(lambda: _("Another record of the same person was merged into this one"))),
    "lead_unmerged": ("users", "other", _with(lambda: _("A merge was undone: they are two leads again"))),
    "machine_marked": ("robot", "other", _with(lambda: _("A colleague said that a machine did one of these things"))),
    "machine_unmarked": ("robot", "other", _with(lambda: _("A colleague said that no machine did it after all"))),
    "attributes_changed": ("pencil", "other", _with(lambda: _("Changed by a colleague"))),
    "owner_changed": ("user-check", "other", _with(lambda: _("Given to {owner_name}"), "owner_name")),
    "identify": ("user", "other", _with(lambda: _("Told us about themselves"))),
    "workflow_entered": ("hierarchy-2", "mail", _with(lambda: _("Entered the workflow {workflow}"), "workflow")),
    "workflow_advanced": (
        "hierarchy-2", "mail", _with(lambda: _("Workflow {workflow}: now at {node}"), "workflow", "node"),
    ),
    "workflow_finished": ("flag", "mail", _with(lambda: _("Finished the workflow {workflow}"), "workflow")),
}  # fmt: skip
