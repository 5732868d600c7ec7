"""Consents that a program tells of: a box ticked on somebody else's page, with what proves it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cultiva.consent.actions import Recorded, profiling_by, request_confirmation
from cultiva.consent.acts import box_shown, policy_shown, tell_acts
from cultiva.consent.evidence import Act, Circumstances, record_acts
from cultiva.consent.locking import lock_current
from cultiva.consent.models import ConsentState, PolicyVersion, PurposeVersion
from cultiva.consent.rules import rules_of
from cultiva.consent.standing import is_minor
from cultiva.lib.database import workspace_scope

Json = dict[str, Any]


class ConsentRefused(ValueError):
    """What was told proves nothing. `field`: which part of it; the message says why and the way out."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


@dataclass(frozen=True)
class Told:
    """One ticked box: of a `purpose`, or of a `policy` (the key of one of them). `text`: its words, as shown."""

    text: str
    version: int
    box: str
    told_at: datetime
    page_url: str
    ip: str
    purpose: str = ""
    policy: str = ""
    user_agent: str = ""
    source_payload_sha256: str = ""  # of the webhook that told it


def record_told_consent(*, workspace_id: int, lead_id: int, told: Told, at: datetime, by: str) -> Recorded:
    """Record it with its evidence, and ask for a confirmation where one is needed. Raises ConsentRefused.

    It never undoes a withdrawal that came after it; after one that came before, only a proof of the address counts.
    """
    if bool(told.purpose) == bool(told.policy):
        raise ConsentRefused("purpose", "Give `purpose` or `policy`: the key of what the box is for.")
    with workspace_scope(workspace_id):
        lead_id = lock_current(workspace_id, lead_id)
        act, profiling = _read(workspace_id, told)
        _refuse_late(workspace_id, lead_id, told, at)
        recorded = record_acts(
            workspace_id=workspace_id, lead_id=lead_id, acts=[act], at=at, profiling=profiling,
            circumstances=Circumstances(
                action="api", page_url=told.page_url, ip=told.ip, user_agent=told.user_agent
            ),
            expired_before=rules_of(workspace_id).expired_before(at),
        )  # fmt: skip
        tell_acts(workspace_id, lead_id, recorded, at, by="lead", more={"told_by": by})
        given = [(each.act.purpose, each.act.channel) for each in recorded if each.is_new]
        needs_confirmation = bool(given) or not recorded[0].is_confirmed
        if needs_confirmation:
            request_confirmation(workspace_id=workspace_id, lead_id=lead_id, at=at)
    return Recorded([each.evidence_id for each in recorded], given, needs_confirmation)


def _read(workspace_id: int, told: Told) -> tuple[Act, str]:
    model: Any = PurposeVersion if told.purpose else PolicyVersion
    key, what = told.purpose or told.policy, "purpose" if told.purpose else "policy"
    versions = model.objects.filter(workspace_id=workspace_id, key=key)
    if not versions.exists():
        known = ", ".join(model.currents(workspace_id).values_list("key", flat=True)) or "none"
        raise ConsentRefused(what, f"There is no {what} `{key}`. Published: {known}.")
    version = versions.filter(version=told.version).first()
    if version is None:
        last = versions.order_by("-version").values_list("version", flat=True).first()
        raise ConsentRefused("version", f"`{key}` has no version {told.version}. The last one is {last}.")
    language = _language_of(version, told)
    payload = box_shown(told.box, told.text) | {"given_at": told.told_at.astimezone(UTC).isoformat()}
    if told.source_payload_sha256:
        payload["source_payload_sha256"] = told.source_payload_sha256
    if told.purpose:
        more = {"purpose_version": version.version, "language": language}
        act = Act("given", key, version.body["channel"], payload | more)
        return act, profiling_by(None, [version])
    return Act("policy_accepted", payload=payload | policy_shown(version, language)), profiling_by(version, [])


def _language_of(version: Any, told: Told) -> str:
    """In which language the text is the one of that version."""
    labels = {language: content["label"] for language, content in version.body["languages"].items()}
    for language, label in labels.items():
        if label == told.text:
            return str(language)
    shown = " or ".join(f"“{label}”" for label in labels.values())
    raise ConsentRefused("text", f"Version {told.version} of `{version.key}` does not say that. It says {shown}.")


def _refuse_late(workspace_id: int, lead_id: int, told: Told, at: datetime) -> None:
    if told.told_at > at:
        raise ConsentRefused("time", f"{told.told_at.isoformat()} is still to come. Give the time of the tick.")
    if not told.purpose:
        return
    if is_minor(workspace_id, lead_id, at):
        raise ConsentRefused("purpose", "The lead is a minor, and no parent or guardian agreed yet.")
    state = ConsentState.objects.filter(
        workspace_id=workspace_id, lead_id=lead_id, purpose=told.purpose, state="withdrawn", since__gte=told.told_at
    ).first()
    if state:
        since = state.since.isoformat(timespec="seconds")
        raise ConsentRefused("time", f"They withdrew it on {since}, after this tick. Only a newer one counts.")
