"""Texts to begin with: a policy for each jurisdiction and the usual boxes, in Spanish and English.

They are drafts in our words, complete by the parts that the law of the jurisdiction asks for. Whoever publishes one
reads it first and makes it say what the company does.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cultiva.consent.jurisdictions import find_jurisdiction
from cultiva.documents.normal import write_yaml
from cultiva.lib.documents import read_document

Json = dict[str, Any]

FOLDER = Path(__file__).parent
KEY = "privacy"
PURPOSES = ("marketing", "phone", "profiling", "email_open_tracking", "third_parties")


def starter_policy(
    *, jurisdiction: str, name: str, address: str, email: str, dpo_email: str = "", key: str = KEY
) -> str:
    """A policy of a jurisdiction as YAML, filled in with who is responsible. Raises DocumentError."""
    profile = find_jurisdiction(jurisdiction)
    controller = {"name": name, "address": address, "email": email} | ({"dpo_email": dpo_email} if dpo_email else {})
    words = {
        "NAME": name.strip(), "ADDRESS": address.strip(), "EMAIL": email.strip(),
        "DPO": dpo_email.strip() or email.strip(),
    }  # fmt: skip
    found = read_document((FOLDER / f"{profile.code.lower()}.yaml").read_text(encoding="utf-8"))
    found = _filled(found, words) | {"controller": controller, "policy": key}
    return write_yaml({"policy": key, "jurisdiction": profile.code, "controller": controller} | found)


@cache
def starter_purposes() -> Mapping[str, str]:
    """{key: YAML} of the usual boxes."""
    return {key: (FOLDER / "purposes" / f"{key}.yaml").read_text(encoding="utf-8") for key in PURPOSES}


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each, words) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, words) for each in value]
    for word, meant in words.items():
        value = value.replace("{" + word + "}", meant) if isinstance(value, str) else value
    return value
