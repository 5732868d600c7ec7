"""Addresses and telephone numbers: how they are read, and the keys by which duplicates are found."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email

MAX_ADDRESS = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets


class BadAddress(ValueError):
    """Not an e-mail address; the message says why, in English."""


class BadPhone(ValueError):
    """Not a telephone number; the message says why, in English."""


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
