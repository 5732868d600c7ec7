"""Data that deserve more care than others, told by the words that name them."""

import re
from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cultiva.lib.folding import fold

Kinds = Mapping[str, tuple[str | Promise, tuple[str, ...]]]  # {kind: (label, words)}

# Art. 9 GDPR, and what opens other doors to a thief. Beginnings of words, folded, in Spanish and English.
SENSITIVE: Kinds = {
    "health": (_("health"), (
        "salud", "enfermedad", "diagnostic", "medicacion", "medicament", "alergi", "discapacidad", "embaraz",
        "dolencia", "health", "illness", "disease", "diagnos", "medication", "medical", "allerg", "disabilit",
        "pregnan",
    )),
    "union": (_("union membership"), (
        "sindica", "afiliacion", "trade union", "labor union", "labour union", "union member",
    )),
    "religion": (_("religion or belief"), ("religi", "creencia", "iglesia", "belief", "church", "faith")),
    "politics": (_("politics"), (
        "partido politic", "opinion politic", "opiniones politic", "ideolog", "politics", "political", "voting",
    )),
    "origin": (_("ethnic origin"), ("etnia", "etnic", "raza", "racial", "ethnic", "race")),
    "sexuality": (_("sexual life"), ("sexual", "orientacion sex")),
    "identity": (_("an identity number"), (
        "dni", "nie", "pasaporte", "cedula", "curp", "documento de identidad", "numero de identidad",
        "seguridad social", "passport", "identity card", "id number", "national id", "social security", "ssn",
    )),
    "card": (_("card or bank data"), (
        "tarjeta de credit", "tarjeta de debit", "tarjeta banc", "numero de tarjeta", "cvv", "iban", "cuenta bancaria",
        "credit card", "debit card", "card number", "bank account",
    )),
}  # fmt: skip
# By these nobody is told apart either: minors are none to be profiled, and a nationality is not to be inferred from.
NOT_SCORED: Kinds = {
    "age": (_("age"), ("age", "edad", "nacimiento", "cumpleanos", "menor de edad", "birth", "dob", "minors")),
    "nationality": (_("nationality"), ("nacionalidad", "ciudadania", "nationalit", "citizenship")),
    **{kind: found for kind, found in SENSITIVE.items() if kind not in ("identity", "card")},
}  # fmt: skip
# Nor is anybody put into a group by these, which a machine looks for and nobody asks for: gender, family, conviction,
# health and heredity, descent and tongue, offences.
NOT_GROUPED = (
    "gender", "sex", "sexo", "genero", "pronoun", "orientation", "orientacion", "child", "children", "hijo", "hijos",
    "minor", "menor", "marital", "civil", "married", "casado", "party", "partido", "vote", "voto", "politico",
    "politica", "union", "unions", "medico", "diet", "genetic", "biometric", "origin", "origen", "language", "idioma",
    "lengua", "locale", "ages", "criminal", "penal", "delito",
)  # fmt: skip
# Too short to begin other words.
WHOLE = (
    "dni", "nie", "curp", "cvv", "iban", "ssn", "race", "faith", "raza", "dob", "sex", "child", "hijo", "minor",
    "menor", "civil", "party", "vote", "voto", "union", "diet", "origin", "origen", "penal", "ages",
)  # fmt: skip
ALONE = ("age", "edad")  # of a company, or an account, it may be asked


def _patterns(kinds: Kinds) -> dict[str, re.Pattern[str]]:
    return {kind: re.compile("|".join(map(_pattern, words))) for kind, (_label, words) in kinds.items()}


def _pattern(word: str) -> str:
    if word in ALONE:
        return rf"^{word}$"
    return rf"\b{re.escape(word)}" + (r"\b" if word in WHOLE else "")


_TOLD, _BARRED = _patterns(SENSITIVE), _patterns(NOT_SCORED)
_UNGROUPED = re.compile("|".join(map(_pattern, NOT_GROUPED)))


def kinds_told(text: str) -> list[str]:
    """Which of `SENSITIVE` a text speaks of."""
    said = fold(text)
    return [kind for kind, pattern in _TOLD.items() if pattern.search(said)]


def barred_from_scoring(attribute: str) -> str | Promise:
    """What an attribute tells by its key or label, in words, where nobody may be scored by it; empty where they may."""
    said = _words_of(attribute)
    return next((NOT_SCORED[kind][0] for kind, pattern in _BARRED.items() if pattern.search(said)), "")


def is_barred_from_groups(attribute: str) -> bool:
    """Whether an attribute tells, by its key, what no group of people may be found by."""
    return bool(barred_from_scoring(attribute) or _UNGROUPED.search(_words_of(attribute)))


def _words_of(attribute: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", fold(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", attribute)))
