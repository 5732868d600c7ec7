"""From claimed rows of the outbox to finished mails, a batch at a time."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.headerregistry import Address
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import dateformat, translation
from liquid.exceptions import LiquidError

from cultiva.accounts.actions import make_sign_in_link
from cultiva.accounts.models import User, Workspace
from cultiva.consent.actions import confirmation_token
from cultiva.consent.models import Confirmation, Evidence, PolicyVersion, PurposeVersion
from cultiva.consent.notices import TRANSACTIONAL
from cultiva.consent.receipts import preference_token
from cultiva.lib.signing import sign
from cultiva.magnets.actions import download_link
from cultiva.magnets.models import Grant, MagnetVersion, Registration
from cultiva.mailing.carriers.base import Mail
from cultiva.mailing.informing import informings_of
from cultiva.mailing.message import AddressError, Content, address, build_message, one_line
from cultiva.mailing.models import TemplateVersion
from cultiva.mailing.templating import compile_version, footer_words, pick_language, render

log = logging.getLogger(__name__)

Json = dict[str, Any]

MARKETING = "marketing"  # the purpose that unsubscribe links call 0
NOBODYS_ADDRESS = "cultiva@localhost"  # until there is a policy with a contact address, or MAIL_FROM


@dataclass(frozen=True)
class Claimed:
    """A row of the outbox in our hands (columns of claim_due.sql), and the consent that allows it."""

    id: int
    cause_kind: str
    lead_id: int | None
    user_id: int | None
    template_id: int
    purpose: str
    variables: Json
    message_id: str
    attempts: int
    created_at: datetime
    email: str | None
    attributes: Json | None
    language: str | None
    is_profiled: bool
    evidence_id: int | None = None
    opens_at: datetime | None = None  # not now: when the hours of the law begin again

    @property
    def is_transactional(self) -> bool:
        return self.purpose == TRANSACTIONAL


@dataclass(frozen=True)
class Letter:
    """A mail ready to leave. `links`: the targets of its tracked links, by number."""

    row: Claimed
    template: TemplateVersion
    mail: Mail
    links: tuple[str, ...]


@dataclass(frozen=True)
class Unwritten:
    """A row that no mail can be made of, and why."""

    row: Claimed
    reason: str
    permanent: bool  # False: the fault may be ours, so it is tried again


@dataclass(frozen=True)
class House:
    """The sender's side of a batch: what is the same in all its mails."""

    workspace: Workspace
    controller: Json  # {name, address, email, ..} of the policy in force; empty without one
    privacy_url: str
    purpose_ids: dict[str, int]  # {purpose: its version in force}
    sender: Address
    reply_to: Address | None

    @property
    def name(self) -> str:
        return str(self.controller.get("name") or self.workspace.name)

    def unsubscribe_url(self, row: Claimed) -> str:
        """Ends what this mail was allowed by; empty where nothing had to be allowed."""
        if row.is_transactional or row.lead_id is None:
            return ""
        purpose = 0 if row.purpose == MARKETING else self.purpose_ids.get(row.purpose, 0)
        return f"{settings.PUBLIC_URL}/u/{sign('unsubscribe', self.workspace.id, row.lead_id, purpose)}"

    @property
    def legal_line(self) -> str:
        return " · ".join(part for part in (self.name, self.controller.get("address")) if part)


def load_house(workspace_id: int) -> House:
    workspace = Workspace.objects.get(id=workspace_id)
    policy = PolicyVersion.objects.filter(workspace_id=workspace_id).order_by("-published_at", "-id").first()
    controller: Json = policy.body["controller"] if policy else {}
    own = usable_address(workspace.name, controller.get("email", ""))
    sender = usable_address(workspace.name, settings.MAIL_FROM) or own
    return House(
        workspace=workspace,
        controller=controller,
        privacy_url=policy_url(workspace, policy) if policy else "",
        purpose_ids={purpose.key: purpose.id for purpose in PurposeVersion.currents(workspace_id)},
        sender=sender or address(workspace.name, NOBODYS_ADDRESS),
        reply_to=own if own != sender else None,
    )


def usable_address(name: str, text: str) -> Address | None:
    try:
        return address(name, text) if text else None
    except AddressError:
        log.error("event=mail.bad_sender workspace=%s", name)
        return None


def policy_url(workspace: Workspace, policy: PolicyVersion) -> str:
    return f"{settings.PUBLIC_URL}/p/{workspace.slug}/{policy.key}/v{policy.version}"


def write_letters(house: House, rows: Sequence[Claimed], at: datetime) -> list[Letter | Unwritten]:
    """A finished mail for every row, in their order, or why there is none."""
    desk = Desk(house, rows, at)
    return [desk.write(row) for row in rows]


class Desk:
    """What a batch of letters is written from, read in one query a subject."""

    def __init__(self, house: House, rows: Sequence[Claimed], at: datetime) -> None:
        self.house, self.at = house, at
        self.templates = TemplateVersion.objects.filter(workspace_id=house.workspace.id).in_bulk(
            {row.template_id for row in rows}
        )
        self.users = User.objects.in_bulk({row.user_id for row in rows if row.user_id})
        self.consents = read_consents(house.workspace.id, rows)
        lead_ids = [row.lead_id for row in rows if row.lead_id is not None]
        self.informings = informings_of(workspace_id=house.workspace.id, lead_ids=lead_ids)
        self.own: dict[int, Json] = {}
        for cause_kind, read in OWN_VALUES.items():
            of_kind = [row for row in rows if row.cause_kind == cause_kind]
            if of_kind:
                self.own |= read(self, of_kind)

    def write(self, row: Claimed) -> Letter | Unwritten:
        if row.cause_kind in OWN_VALUES and row.id not in self.own:
            return Unwritten(row, f"its {row.cause_kind} is gone", permanent=True)
        try:
            return self._letter(row, self.templates[row.template_id])
        except (AddressError, LiquidError) as error:
            return Unwritten(row, str(error), permanent=True)
        except Exception as error:  # one mail that cannot be written must not hold up those behind it
            log.exception("event=mail.unwritten outbox=%d", row.id)
            return Unwritten(row, f"{type(error).__name__}: {error}", permanent=False)

    def language_of(self, row: Claimed) -> str:
        """The reader's, else the workspace's, else whatever the template speaks."""
        user = self.users.get(row.user_id or 0)
        wanted = user.language if user else row.language or ""
        languages = self.templates[row.template_id].body["languages"]
        return pick_language(languages, wanted, self.house.workspace.language)[0]

    def _letter(self, row: Claimed, template: TemplateVersion) -> Letter:
        workspace, language = self.house.workspace, self.language_of(row)
        values = self._values(row, language)
        click = click_address(workspace.id, row.id) if row.is_profiled and not row.is_transactional else None
        rendered = render(compile_version(template, language), values, address_of=click)
        user = self.users.get(row.user_id or 0)
        # Before consent is proven, a name in the header could carry a stranger's words to somebody's inbox.
        name = "" if row.is_transactional else values["lead"]["full_name"]
        recipient = address(name, user.email if user else row.email or "")
        source = build_message(
            Content(
                sender=self.house.sender,
                reply_to=self.house.reply_to,
                recipient=recipient,
                subject=rendered.subject,
                text=rendered.text,
                html=rendered.html,
                message_id=row.message_id,
                at=self.at,
                commercial=() if row.is_transactional else self._commercial(row, template),
            )
        )
        mail = Mail(
            workspace_id=workspace.id,
            outbox_id=row.id,
            message_id=row.message_id,
            sender=self.house.sender.addr_spec,
            recipient=recipient.addr_spec,
            subject=rendered.subject,
            source=source,
            at=self.at,
        )
        links = tuple(target if is_tracked(target) else "" for target in rendered.links) if click else ()
        return Letter(row, template, mail, links)

    def _values(self, row: Claimed, language: str) -> Json:
        house = self.house
        unsubscribe_url = house.unsubscribe_url(row)
        return {
            "lead": lead_values(row.email or "", row.attributes or {}),
            "workspace": {"name": house.workspace.name},
            "sender": sender_values(house),
            "unsubscribe_url": unsubscribe_url,
            **self.own.get(row.id, {}),
            "mail": {
                "sender": house.workspace.name,
                "legal": house.legal_line,
                "why": " ".join(part for part in (self._why(row, language), self._brought(row, language)) if part),
                "unsubscribe_url": unsubscribe_url,
                "preferences_url": preferences_url(house.workspace.id, row.lead_id) if row.lead_id else "",
                "privacy_url": house.privacy_url,
            },
        }

    def _why(self, row: Claimed, language: str) -> str:
        words, zone = footer_words(language), ZoneInfo(self.house.workspace.time_zone)
        if row.is_transactional:
            since = row.created_at.astimezone(zone).date()
            return words["why_asked"].format(since=day_in_words(since, language))
        if row.evidence_id not in self.consents:
            return words["why_other"].format(sender=self.house.name)
        given_at, label = self.consents[row.evidence_id]
        since = given_at.astimezone(zone).date()
        return words["why_consent"].format(since=day_in_words(since, language), label=label)

    def _brought(self, row: Claimed, language: str) -> str:
        """Where the data come from, in the first mail to somebody who did not give them."""
        informing = self.informings.get(row.lead_id or 0)
        if row.is_transactional or informing is None or informing.told_at is not None:
            return ""
        words = footer_words(language)
        day = informing.came_at.astimezone(ZoneInfo(self.house.workspace.time_zone)).date()
        kind = f"brought_{informing.source_kind}"
        return words.get(kind, words["brought"]).format(since=day_in_words(day, language), sender=self.house.name)

    def _commercial(self, row: Claimed, template: TemplateVersion) -> tuple[tuple[str, str], ...]:
        """Headers of mails that somebody agreed to (RFC 8058, 2919; Gmail's feedback loop)."""
        workspace, domain = self.house.workspace, self.house.sender.domain
        return (
            ("List-Unsubscribe", f"<{self.house.unsubscribe_url(row)}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("List-Id", f"<{row.purpose}.{workspace.slug}.{domain}>"),
            ("Feedback-ID", f"{template.key}:{row.purpose}:{workspace.slug}:cultiva{workspace.id}"),
            ("Precedence", "bulk"),
        )


def confirmation_values(desk: Desk, rows: Sequence[Claimed]) -> dict[int, Json]:
    return _confirm_urls(desk, rows, "confirmation")


def reminder_values(desk: Desk, rows: Sequence[Claimed]) -> dict[int, Json]:
    """The same link once more."""
    return _confirm_urls(desk, rows, "reminder")


def _confirm_urls(desk: Desk, rows: Sequence[Claimed], variable: str) -> dict[int, Json]:
    found = Confirmation.objects.filter(workspace_id=desk.house.workspace.id).in_bulk(ids_in(rows, variable))
    return {
        row.id: {"confirm_url": f"{settings.PUBLIC_URL}/c/confirm/{confirmation_token(confirmation)}"}
        for row in rows
        if (confirmation := found.get(row.variables.get(variable, 0)))
    }


def grant_values(desk: Desk, rows: Sequence[Claimed]) -> dict[int, Json]:
    grants = Grant.objects.filter(workspace_id=desk.house.workspace.id).in_bulk(ids_in(rows, "grant"))
    return _of_grants(desk, [(row, grants[number]) for row in rows if (number := row.variables.get("grant")) in grants])


def _of_grants(desk: Desk, found: Sequence[tuple[Claimed, Grant]]) -> dict[int, Json]:
    workspace = desk.house.workspace
    wanted = {grant.magnet for _row, grant in found}
    titles = {
        magnet.key: magnet.body["title"] for magnet in MagnetVersion.currents(workspace.id).filter(key__in=wanted)
    }
    return {
        row.id: {
            "download_url": settings.PUBLIC_URL + download_link(grant, desk.at),
            "magnet": {"title": pick_language(titles[grant.magnet], desk.language_of(row), workspace.language)[1]},
        }
        for row, grant in found
        if grant.magnet in titles
    }


def seat_values(desk: Desk, rows: Sequence[Claimed]) -> dict[int, Json]:
    """The date as it stands when the mail leaves; nothing for who has given the seat back by then."""
    numbers = {row.id: int(row.variables["seat"].partition(":")[0]) for row in rows}
    seated = Registration.objects.filter(workspace_id=desk.house.workspace.id, state="seated")
    seats = seated.select_related("session", "grant").in_bulk(set(numbers.values()))
    found = [(row, seats[numbers[row.id]]) for row in rows if numbers[row.id] in seats]
    values = _of_grants(desk, [(row, seat.grant) for row, seat in found])
    for row, seat in found:
        starts = seat.session.starts_at.astimezone(ZoneInfo(seat.session.time_zone))
        words = f"{day_in_words(starts.date(), desk.language_of(row))}, {starts:%H:%M} ({seat.session.time_zone})"
        if row.id in values:
            values[row.id]["session"] = {"starts": words}
    return values


def sign_in_values(desk: Desk, rows: Sequence[Claimed]) -> dict[int, Json]:
    """The link is made now, so that no usable one ever waits in the outbox."""
    return {
        row.id: {
            "user": {"full_name": user.full_name},
            "sign_in_url": f"{settings.PUBLIC_URL}/sign-in/{make_sign_in_link(user=user, at=desk.at)}",
        }
        for row in rows
        if (user := desk.users.get(row.user_id or 0)) and user.is_active
    }


def form_notice_values(desk: Desk, rows: Sequence[Claimed]) -> dict[int, Json]:
    return {
        row.id: {
            "user": {"full_name": user.full_name},
            "form": {"name": str(row.variables.get("form", ""))},
            "lead_url": str(row.variables.get("lead_url", "")),
        }
        for row in rows
        if (user := desk.users.get(row.user_id or 0)) and user.is_active
    }


def privacy_notice_values(desk: Desk, rows: Sequence[Claimed]) -> dict[int, Json]:
    return {
        row.id: {
            "user": {"full_name": user.full_name},
            "due_on": day_in_words(date.fromisoformat(row.variables["due_on"]), desk.language_of(row)),
            "request_url": str(row.variables["request_url"]),
        }
        for row in rows
        if (user := desk.users.get(row.user_id or 0)) and user.is_active
    }


def preference_values(desk: Desk, rows: Sequence[Claimed]) -> dict[int, Json]:
    """The link is made now, as those to unsubscribe are."""
    return {
        row.id: {"preferences_url": preferences_url(desk.house.workspace.id, row.lead_id)}
        for row in rows
        if row.lead_id is not None
    }


def preferences_url(workspace_id: int, lead_id: int) -> str:
    return f"{settings.PUBLIC_URL}/c/my/{preference_token(workspace_id, lead_id)}"


# What only some mails can say, by their cause.
OWN_VALUES: dict[str, Callable[[Desk, Sequence[Claimed]], dict[int, Json]]] = {
    "confirmation": confirmation_values,
    "reminder": reminder_values,
    "grant": grant_values,
    "seat": seat_values,
    "sign_in": sign_in_values,
    "form_notice": form_notice_values,
    "preference_link": preference_values,
    "privacy_notice": privacy_notice_values,
}


def ids_in(rows: Sequence[Claimed], variable: str) -> list[int]:
    return [row.variables[variable] for row in rows if variable in row.variables]


def lead_values(email: str, attributes: Mapping[str, Any]) -> Json:
    first, last, company = (
        one_line(key, str(attributes.get(key) or "")) for key in ("first_name", "last_name", "company")
    )
    return {
        "first_name": first,
        "last_name": last,
        "full_name": f"{first} {last}".strip(),
        "company": company,
        "email": email,
        "attributes": attributes,
    }


def sender_values(house: House) -> Json:
    return {
        "name": house.name,
        "email": house.controller.get("email") or house.sender.addr_spec,
        "address": house.controller.get("address") or "",
    }


def read_consents(workspace_id: int, rows: Sequence[Claimed]) -> dict[int | None, tuple[datetime, str]]:
    """{evidence: (given at, the words of the box as it was shown)}."""
    evidence_ids = {row.evidence_id for row in rows if row.evidence_id}
    found = Evidence.objects.filter(workspace_id=workspace_id, id__in=evidence_ids).order_by("id")
    shown = found.values_list("id", "occurred_at", "payload__payload__checkbox_label_text")
    return {id_: (occurred_at, label) for id_, occurred_at, label in shown if label}


def click_address(workspace_id: int, outbox_id: int) -> Callable[[int, str], str]:
    """Where a profiled reader's links lead; mailto: and the unsubscribe page stay as they are."""

    def address_of(number: int, target: str) -> str:
        if not is_tracked(target):
            return target
        return f"{settings.PUBLIC_URL}/l/{sign('click', workspace_id, outbox_id, number)}"

    return address_of


def is_tracked(target: str) -> bool:
    return target.lower().startswith("http") and not target.startswith(f"{settings.PUBLIC_URL}/u/")


@lru_cache(maxsize=1000)
def day_in_words(day: date, language: str) -> str:
    with translation.override(language):
        return dateformat.format(day, footer_words(language)["day"])
