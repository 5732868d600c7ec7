"""Keys of documents, said in the reader's language."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cultiva.lib.languages import reader_language
from cultiva.lifecycle.document import read_lifecycle
from cultiva.lifecycle.models import LifecycleVersion

CHANNEL_LABELS = {
    "email": gettext_lazy("e-mail"), "phone": gettext_lazy("telephone"), "sms": gettext_lazy("SMS"),
    "whatsapp": gettext_lazy("WhatsApp"), "post": gettext_lazy("post"), "none": gettext_lazy("no channel"),
}  # fmt: skip
BASIS_LABELS = {
    "consent": gettext_lazy("a ticked box"),
    "contract": gettext_lazy("a contract"),
    "soft_opt_in": gettext_lazy("a purchase (soft opt-in)"),
    "legitimate_interest": gettext_lazy("legitimate interest, with its assessment"),
}

OBJECTIVE_WORDS = {
    "content": gettext_lazy("Content"), "subscription": gettext_lazy("Subscription"), "quote": gettext_lazy("Quote"),
    "purchase": gettext_lazy("Purchase"), "service": gettext_lazy("Service"),
}  # fmt: skip


def in_language(texts: Any) -> Any:
    """The text in the reader's language, else in any there is; a plain text as it is."""
    if not isinstance(texts, dict):
        return texts
    return texts.get(reader_language()) or next(iter(texts.values()), "")


def stage_labels(workspace_id: int) -> dict[str, str]:
    """{stage: label} in the order of the lifecycle in force."""
    version = LifecycleVersion.in_force(workspace_id)
    stages = read_lifecycle(version.body).stages if version else ()
    return {stage.key: stage.label_in(reader_language()) for stage in stages}


def action_words() -> dict[str, str]:
    """What people do on social networks."""
    return {
        "follow": _("Follows us"), "like": _("Liked"), "comment": _("Commented"), "share": _("Shared"),
        "message": _("Wrote to us"), "mention": _("Mentioned us"),
    }  # fmt: skip


def temperature_words() -> dict[str, str]:
    return {"cold": _("Cold"), "warm": _("Warm"), "hot": _("Hot")}


def attribute_label(key: str) -> str:
    known = {
        "first_name": _("First name"), "last_name": _("Last name"), "name": _("Name"),
        "company": _("Company"), "job_title": _("Job title"), "employees": _("Employees"), "phone": _("Phone"),
        "country": _("Country"), "province": _("Province"), "sector": _("Sector"), "language": _("Language"),
        "email": _("E-mail"), "website": _("Website"), "hectares": _("Hectares"), "city": _("City"),
    }  # fmt: skip
    return known.get(key, key.replace("_", " ").capitalize())


def refusals() -> dict[str, str]:
    """Why `consent.can_contact` says no, as a person reads it."""
    return {
        "erased": _("the data were erased"),
        "objected": _("withdrew it"),
        "undeliverable": _("the address cannot be reached"),
        "not_valid": _("has not accepted the policy"),
        "no_basis": _("never agreed to it"),
        "no_address": _("has no address"),
        "unconfirmed": _("agreed, but the address is not confirmed yet"),
        "expired": _("agreed too long ago: ask again"),
        "minor": _("is a minor, and no parent or guardian agreed"),
        "restricted": _("asked that the data be kept and not used"),
        "register_unchecked": _("the exclusion register was not read lately"),
        "excluded_register": _("stands on an exclusion register"),
        "outside_hours": _("not at this hour, by law"),
        "paused": _("asked for a pause"),
        "capped": _("got enough for now"),
    }


def refusal(reason: str) -> str:
    return refusals().get(reason, reason)


def fault_words() -> dict[str, str]:
    """Why the collector could not take a message, by its code."""
    return {
        "unknown_type": _("Its type is none of track, page, screen, identify, group and alias."),
        "no_id": _("It does not say who acted: a user id or an anonymous id is needed."),
        "not_an_object": _("It is not a JSON object."),
        "not_unicode": _("A text in it is broken: half of a character stands alone."),
        "too_large": _("It is larger than 32 KB."),
        "too_deep": _("Its lists and objects lie too deep in one another."),
        "nul": _("A text in it holds the NUL character, which cannot be stored."),
        "wrong_type": _("A field is of the wrong type."),
        "no_name": _("The event has no name."),
        "long_name": _("The event's name is too long."),
        "bad_timestamp": _("Its timestamp is not a time."),
        "too_many": _("Its batch held too many events."),
        "no_source": _("Its source is no more."),
    }


def property_type_words() -> dict[str, str]:
    return {
        "string": _("text"), "number": _("number"), "boolean": _("yes or no"), "date": _("date"), "array": _("list"),
        "object": _("object"),
    }  # fmt: skip
