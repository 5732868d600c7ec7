"""Reading a form's document: what it says, what it refers to, and what a form may leave out."""

import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext

from cultiva.accounts.models import Membership, Workspace
from cultiva.capture.field_documents import MAX_FIELDS, read_fields, read_flag
from cultiva.consent.models import PolicyVersion, PurposeVersion
from cultiva.consent.notices import Notice, read_choice, read_key, read_languages, read_text
from cultiva.leads.values import country_of_zone
from cultiva.lib.documents import DocumentError, Mistakes, check_keys, read_document
from cultiva.magnets.actions import OBJECTIVES
from cultiva.magnets.models import MagnetVersion

Json = dict[str, Any]

PAGE_TEXTS = ("title", "intro", "button", "thanks")
REQUIRED_KEYS = ("form", "objective", "policy", "fields", "languages")
OPTIONAL_KEYS = (
    "magnet", "purposes", "then", "notify", "origins", "proof_of_work", "unknown_at_most", "subscriptions",
)  # fmt: skip
MAX_ORIGINS, MAX_NOTIFIED, MAX_PURPOSES = 20, 20, 20
MESSAGE, DOWNLOAD = "message", "download"
ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
ADDRESS = re.compile(r"https?://[^\s/?#@\\]+(?:[/?#][^\s\\]*)?")


def read_form(text: str, *, workspace_id: int) -> Notice:
    """A form from its YAML, checked against the workspace's policies, purposes and magnets. Raises DocumentError."""
    mistakes = Mistakes()
    found = check_keys(
        read_document(text, name="form"),
        allowed=(*REQUIRED_KEYS, *OPTIONAL_KEYS),
        required=REQUIRED_KEYS,
        place="form",
        mistakes=mistakes,
    )
    key = read_key(found["form"], "form")
    given = read_languages(found["languages"], place=key)
    languages = {
        language: mistakes.of(_read_page, content, f"{key}, languages.{language}")
        for language, content in given.items()
    }
    place = f"{key}, policy"
    policy = mistakes.of(_find_policy, workspace_id, found["policy"], languages, place)
    purposes = mistakes.of(_read_purposes, found.get("purposes"), workspace_id, languages, f"{key}, purposes")
    magnet = mistakes.of(_read_magnet, found.get("magnet"), workspace_id, f"{key}, magnet")
    objective = mistakes.of(read_choice, found["objective"], OBJECTIVES, f"{key}, objective")
    country = country_of_zone(Workspace.objects.get(id=workspace_id).time_zone)
    fields = mistakes.of(read_fields, found["fields"], languages, f"{key}, fields", country=country)
    options = mistakes.of(_read_options, found, workspace_id, key)
    mistakes.tell()
    body = {
        "objective": objective,
        "magnet": magnet,
        "policy": policy.key,
        "purposes": purposes,
        "fields": fields,
        "languages": languages,
    }
    return Notice(key=key, name=next(iter(languages.values()))["title"][:160], body=body | options)


def _read_page(value: Any, place: str) -> Json:
    found = check_keys(value, allowed=PAGE_TEXTS, required=("title", "button", "thanks"), place=place)
    return {name: read_text(text, f"{place}.{name}") for name, text in found.items()}


def _find_policy(workspace_id: int, key: Any, languages: Json, place: str) -> PolicyVersion:
    """The policy in every language of the form. Its own parts are checked when it is published (`consent.notices`), so
    a form lacks all of them in a language, or none; they are named in that language."""
    version = PolicyVersion.current(workspace_id, key) if isinstance(key, str) and key else None
    spoken = version.body["languages"] if version else {}
    missing = [language for language in languages if language not in spoken]
    if version and not missing:
        return version
    hint = gettext("the law asks for what is missing: %(parts)s. Publish a data-protection policy and choose it here")
    hint = hint % {"parts": "; ".join(LEGAL[language] for language in missing)}
    if version is None:
        words = gettext("there is no %(kind)s `%(key)s`") % {"kind": "policy", "key": key or ""}
        raise DocumentError(place, words, hint)
    words = gettext("`%(key)s` has no text in `%(language)s`") % {"key": key, "language": ", ".join(missing)}
    raise DocumentError(place, words, hint)


# Art. 13 GDPR, art. 11 LOPDGDD: what the first layer says and the second one holds
LEGAL = {
    "es": "responsable, finalidad, base jurídica, destinatarios, transferencias, derechos y plazo de conservación "
          "(la política de protección de datos en español)",
    "en": "controller, purpose, legal basis, recipients, transfers, rights and retention "
          "(the data-protection policy in English)",
}  # fmt: skip


def _find(
    noun: str, current: Callable[[int, str], Any], workspace_id: int, key: Any, languages: Json, place: str
) -> Any:
    """The document a form refers to, which must speak every language the form speaks."""
    version = current(workspace_id, key) if isinstance(key, str) else None
    if version is None:
        raise _is_missing(noun, key, place)
    for language in languages:
        if language not in version.body["languages"]:
            raise DocumentError(
                place,
                gettext("`%(key)s` has no text in `%(language)s`") % {"key": key, "language": language},
                gettext("publish it in that language first"),
            )
    return version


def _is_missing(noun: str, key: Any, place: str) -> DocumentError:
    words = gettext("there is no %(kind)s `%(key)s`") % {"kind": noun, "key": key}
    return DocumentError(place, words, gettext("publish it first"))


def _read_magnet(magnet: Any, workspace_id: int, place: str) -> Any:
    if magnet is not None and (not isinstance(magnet, str) or MagnetVersion.current(workspace_id, magnet) is None):
        raise _is_missing("magnet", magnet, place)
    return magnet


def _read_purposes(value: Any, workspace_id: int, languages: Json, place: str) -> list[str]:
    purposes = _read_list(value or [], place, most=MAX_PURPOSES)
    mistakes = Mistakes()
    for purpose in purposes:
        mistakes.of(_find, "purpose", PurposeVersion.current, workspace_id, purpose, languages, place)
    mistakes.tell()
    return list(dict.fromkeys(purposes))


def _read_options(found: Json, workspace_id: int, key: str) -> Json:
    """What a form may leave out; what it leaves out is not in its body."""
    readers: dict[str, Callable[[Any, str], Any]] = {
        "then": lambda value, place: _read_then(value, found.get("magnet"), place),
        "notify": lambda value, place: _read_notified(value, workspace_id, place),
        "origins": _read_origins,
        "proof_of_work": read_flag,
        "unknown_at_most": _read_count,
        "subscriptions": lambda value, place: _read_subscriptions(value, found.get("purposes"), place),
    }
    mistakes = Mistakes()
    options = {
        name: mistakes.of(read, found[name], f"{key}, {name}") for name, read in readers.items() if name in found
    }
    mistakes.tell()
    return {name: value for name, value in options.items() if value not in (None, False, [], {}, MESSAGE)}


def _read_then(value: Any, magnet: Any, place: str) -> Any:
    if value == DOWNLOAD and magnet is None:
        hint = gettext("name a magnet, or show the message")
        raise DocumentError(place, gettext("there is nothing to download"), hint)
    if value in (MESSAGE, DOWNLOAD):
        return value
    redirect = value.get("redirect") if isinstance(value, dict) and len(value) == 1 else None
    if isinstance(redirect, str):
        redirect = {language: redirect for language in ("es", "en")}
    if not isinstance(redirect, dict):
        accepted = (MESSAGE, DOWNLOAD, "{redirect: {es: https://.., en: https://..}}")
        words = gettext("%(value)r is nothing that can come then") % {"value": value}
        raise DocumentError(place, words, gettext("accepted: %(listed)s") % {"listed": ", ".join(accepted)})
    mistakes = Mistakes()
    for language, address in redirect.items():
        if not isinstance(address, str) or not ADDRESS.fullmatch(address):
            words = gettext("%(value)r is no web address") % {"value": address}
            mistakes.errors.append(DocumentError(f"{place}.redirect.{language}", words, "https://.."))
    mistakes.tell()
    return {"redirect": read_languages(redirect, place=f"{place}.redirect")}


def _read_notified(value: Any, workspace_id: int, place: str) -> list[str]:
    """Addresses of users of the workspace, as they sign in with."""
    wanted = [each.strip().lower() for each in _read_list(value, place, most=MAX_NOTIFIED)]
    members = Membership.objects.filter(workspace_id=workspace_id, user__is_active=True).select_related("user")
    known = {membership.user.email.lower() for membership in members}
    unknown = [address for address in wanted if address not in known]
    Mistakes([_is_nobody(address, place) for address in unknown]).tell()
    return list(dict.fromkeys(wanted))


def _is_nobody(address: str, place: str) -> DocumentError:
    words = gettext("nobody in the workspace signs in as %(value)r") % {"value": address}
    try:
        validate_email(address)
    except ValidationError:
        return DocumentError(place, words, gettext("an e-mail address is needed"))
    return DocumentError(place, words, gettext("give that person a role first"))


def _read_origins(value: Any, place: str) -> list[str]:
    """Scheme, host and port of the sites that may show or send the form."""
    origins = [each.strip().lower().rstrip("/") for each in _read_list(value, place, most=MAX_ORIGINS)]
    mistakes = Mistakes()
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            words = gettext("%(value)r is no origin") % {"value": origin}
            hint = gettext("as in %(example)s, without a path") % {"example": "https://www.example.com"}
            mistakes.errors.append(DocumentError(place, words, hint))
    mistakes.tell()
    return list(dict.fromkeys(_without_default_port(origin) for origin in origins))


def _without_default_port(origin: str) -> str:
    return origin.removesuffix(":443") if origin.startswith("https:") else origin.removesuffix(":80")


def _read_count(value: Any, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_FIELDS:
        words = gettext("a whole number from 1 to %(most)s is needed, not %(value)r")
        raise DocumentError(place, words % {"most": MAX_FIELDS, "value": value})
    return value


def _read_subscriptions(value: Any, purposes: Any, place: str) -> Json:
    """{HubSpot's subscription type: purpose}, for calls that were written for it."""
    if not isinstance(value, dict):
        words = gettext("a mapping of keys is needed, not %(value)r") % {"value": value}
        raise DocumentError(place, words, "{999: marketing}")
    mistakes = Mistakes()
    for number, purpose in value.items():
        if not str(number).isdigit():
            words = gettext("%(value)r is no number of a subscription type") % {"value": number}
            mistakes.errors.append(DocumentError(place, words))
        if not isinstance(purposes, list) or purpose not in purposes:
            words = gettext("the form has no purpose %(value)r") % {"value": purpose}
            hint = gettext("add it to `%(name)s`") % {"name": "purposes"}
            mistakes.errors.append(DocumentError(f"{place}.{number}", words, hint))
    mistakes.tell()
    return {str(number): purpose for number, purpose in value.items()}


def _read_list(value: Any, place: str, *, most: int) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value) or len(value) > most:
        words = gettext("a list of at most %(most)s texts is needed, not %(value)r")
        raise DocumentError(place, words % {"most": most, "value": value})
    return value
