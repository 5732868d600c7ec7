"""Addresses and telephone numbers: how they are read, and the keys by which duplicates are found."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from django.utils.translation import gettext, gettext_noop
from email_validator import EmailNotValidError, validate_email

from cultiva.lib.languages import reader_language

MAX_ADDRESS = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets


class BadAddress(ValueError):
    """Not an e-mail address; the message says why, in English."""


class BadPhone(ValueError):
    """Not a telephone number; the message says why, in English."""


# What email-validator says, but for the characters and figures that it adds; Babel finds these for translation.
REASONS = (
    gettext_noop("A bracketed IP address after the @-sign is not allowed here."),
    gettext_noop("A display name and angle brackets around the email address are not permitted here."),
    gettext_noop("After the @-sign, periods cannot be separated by so many characters."),
    gettext_noop("An email address cannot end with a hyphen."),
    gettext_noop("An email address cannot end with a period."),
    gettext_noop("An email address cannot have a hyphen immediately after the @-sign."),
    gettext_noop("An email address cannot have a period and a hyphen next to each other."),
    gettext_noop("An email address cannot have a period immediately after the @-sign."),
    gettext_noop("An email address cannot have a period immediately before the @-sign."),
    gettext_noop("An email address cannot have two periods in a row."),
    gettext_noop("An email address cannot start with a period."),
    gettext_noop("An email address must have an @-sign."),
    gettext_noop("Quoting the part before the @-sign is not allowed here."),
    gettext_noop("The address is too long."),
    gettext_noop("The email address contains invalid characters before the @-sign"),
    gettext_noop("The email address contains unsafe characters"),
    gettext_noop("The email address is too long after the @-sign."),
    gettext_noop("The email address is too long."),
    gettext_noop("The part after the @-sign contains invalid characters"),
    gettext_noop("The part after the @-sign contains invalid characters after Unicode normalization"),
    gettext_noop("The part after the @-sign is a special-use or reserved name that cannot be used with email."),
    gettext_noop("The part after the @-sign is not valid IDNA."),
    gettext_noop("The part after the @-sign is not valid. It is not within a valid top-level domain."),
    gettext_noop("The part after the @-sign is not valid. It should have a period."),
    gettext_noop("There can't be anything after the email address."),
    gettext_noop("There must be something after the @-sign."),
    gettext_noop("There must be something before the @-sign."),
)


def say_why(error: BadAddress) -> str:
    """Why it is no address, in the reader's language. Characters stay as the library shows them; outside English it is
    not said by how much something is too long."""
    if reader_language() == "en":
        return str(error)
    reason, mark, characters = re.sub(r" \([^()]*\)\.$", ".", str(error)).partition(": ")
    return f"{gettext(reason)}{mark}{characters}"


@dataclass(frozen=True)
class Address:
    """`text` is how it is written to (domain in lower case, local part as given); `key` finds duplicates."""

    text: str
    key: str

    @property
    def domain(self) -> str:
        """IDNA, lower case."""
        return self.key.rpartition("@")[2]


@lru_cache(maxsize=4096)
def read_address(text: str) -> Address:
    """An e-mail address checked by its syntax alone. Raises BadAddress.

    The key is the case-folded NFKC local part and the IDNA domain. Tags and dots stay: they may be two people.
    """
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise BadAddress(str(error)) from error
    local = unicodedata.normalize("NFKC", found.local_part).casefold()
    key = f"{local}@{found.ascii_domain or found.domain}"
    if len(key) > MAX_ADDRESS:
        raise BadAddress("The address is too long.")
    return Address(text=found.normalized, key=key)


@lru_cache(maxsize=4096)
def read_phone(text: str, country: str = "") -> str:
    """A telephone number in E.164. `country` (ISO 3166) is where numbers without a prefix are of. Raises BadPhone."""
    try:
        number = phonenumbers.parse(text, country.upper() or None)
    except phonenumbers.NumberParseException as error:
        hint = "" if country else " Write it with its country prefix, such as +34."
        raise BadPhone(f"{text[:40]!r} is not a telephone number.{hint}") from error
    if not phonenumbers.is_valid_number(number) or number.extension:
        raise BadPhone(f"{text[:40]!r} is not a telephone number that can exist.")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
