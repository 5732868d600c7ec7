"""What a form's author had better know, though nothing keeps the form from being published."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cultiva.consent.models import PolicyVersion
from cultiva.lib.folding import fold
from cultiva.scoring.models import ModelVersion

Json = dict[str, Any]

READ_BY_PEOPLE = ("label", "help", "text", "choices", "low", "high")
# Art. 9 GDPR, and what opens other doors to a thief. Beginnings of words, folded, in Spanish and English.
SENSITIVE: Mapping[str, tuple[str | Promise, tuple[str, ...]]] = {
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
WHOLE = ("dni", "nie", "curp", "cvv", "iban", "ssn", "race", "faith", "raza")  # too short to begin other words
PATTERNS = {
    kind: re.compile("|".join(rf"\b{re.escape(word)}" + (r"\b" if word in WHOLE else "") for word in words))
    for kind, (_label, words) in SENSITIVE.items()
}


def hints_of(workspace_id: int, document: Mapping[str, Any]) -> list[str]:
    """Whole sentences about a form's document, be it sound or not."""
    return [*_sensitive(document), *_profiling(workspace_id, document)]


def _sensitive(document: Mapping[str, Any]) -> Iterator[str]:
    words = gettext(
        "«%(field)s» seems to ask for %(kind)s. Ask for it only if you cannot do without, say so in the policy, and"
        " give it no points."
    )
    fields = document.get("fields")
    for field in fields if isinstance(fields, list) else ():
        for kind in kinds_of(field) if isinstance(field, dict) else ():
            yield words % {"field": field.get("key"), "kind": SENSITIVE[kind][0]}


def kinds_of(field: Json) -> list[str]:
    """Which of `SENSITIVE` a question asks for, by its own words."""
    said = fold(" / ".join(text for name in READ_BY_PEOPLE for text in _texts(field.get(name))))
    return [kind for kind, pattern in PATTERNS.items() if pattern.search(said)]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _profiling(workspace_id: int, document: Mapping[str, Any]) -> Iterator[str]:
    """Who was not told of profiles gets no score: that is kept, and the author should know."""
    key = document.get("policy")
    policy = PolicyVersion.current(workspace_id, key) if isinstance(key, str) and key else None
    if policy and policy.body["profiling"] == "none":
        models = ModelVersion.currents(workspace_id).order_by("key", "-version")
        if model := models.first():
            yield gettext(
                "Leads are scored here (%(model)s), and the policy «%(policy)s» tells of no profiles: who comes by"
                " this form gets no score."
            ) % {"model": model.name, "policy": key}
