"""Check a bundle of consent evidence: python verify.py FILE.zip [--key KEY]. Plain Python 3.9 or newer, no network.

KEY is the published public key: its text, or the file of published keys (JSON). Without it the key inside the bundle is
used, and its fingerprint printed: compare it with the published one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zipfile
from typing import Any

BEGINNING = "0" * 64
# Ed25519 (RFC 8032, section 5.1): the field, the order of the group, the curve's constant.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int, int, int]
MOST_BYTES = 200_000_000  # unpacked


class Bad(Exception):
    """The bundle cannot be read at all."""


def check(file: Any, key: str | None = None) -> tuple[dict[str, Any], list[str]]:
    """(facts, problems): facts for people to read; without problems the bundle is as it was made."""
    names = _read(file)
    for name in ("manifest.json", "signature.json"):
        if name not in names:
            raise Bad(f"there is no {name} in it")
    problems: list[str] = []
    manifest, signature = json.loads(names["manifest.json"]), json.loads(names["signature.json"])
    public = _public(key, signature, problems)
    if not ed25519_verify(public, names["manifest.json"], _bytes(signature["value"])):
        problems.append("the signature does not fit manifest.json")
    problems += _check_files(manifest, names)
    rows = [json.loads(line) for line in names.get("evidence.jsonl", b"").splitlines()]
    texts = json.loads(names.get("texts.json", b"[]"))
    problems += _check_chain(rows)
    problems += _check_texts(rows, texts)
    problems += _check_seals(rows, json.loads(names.get("seals.json", b"[]")))
    problems += _check_receipt(names.get("receipt.jsonld"), public)
    facts = {
        "workspace": manifest.get("workspace"),
        "lead": manifest.get("lead"),
        "made_at": manifest.get("made_at"),
        "acts": len(rows),
        "files": len(manifest.get("files", {})),
        "key": signature.get("kid"),
        "fingerprint": hashlib.sha256(public).hexdigest(),
        "is_published_key": key is not None,
    }
    return facts, problems


def _read(file: Any) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(file) as bundle:
            if sum(each.file_size for each in bundle.infolist()) > MOST_BYTES:
                raise Bad("it is too large")
            names = bundle.namelist()
            if len(names) != len(set(names)):
                raise Bad("a name stands in it twice")
            return {name: bundle.read(name) for name in names}
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise Bad(f"it is no ZIP that can be read: {error}") from error


def _public(key: str | None, signature: Any, problems: list[str]) -> bytes:
    own = signature.get("public_key", "")
    if key is None:
        return _bytes(own)
    known = _keys(key)
    kid = signature.get("kid")
    if kid in known:
        wanted = known[kid]
    elif "" in known:
        wanted = known[""]
    else:
        problems.append(f"it was signed with key {kid}, which is not among the published ones")
        return next(iter(known.values()))
    if wanted != _bytes(own):
        problems.append("the key inside is not the published one")
    return wanted


def _keys(key: str) -> dict[str, bytes]:
    """{kid: public key} of published keys, or {"": key} of one alone."""
    text = key.strip()
    if text.startswith("{"):
        return {each["kid"]: _bytes(each["x"]) for each in json.loads(text)["keys"]}
    return {"": _bytes(text)}


def _check_files(manifest: Any, names: dict[str, bytes]) -> list[str]:
    problems = []
    listed = manifest.get("files", {})
    for name in sorted(set(listed) | set(names) - {"manifest.json", "signature.json"}):
        if name not in names:
            problems.append(f"{name} is missing")
        elif name not in listed:
            problems.append(f"{name} was added")
        elif hashlib.sha256(names[name]).hexdigest() != listed[name]:
            problems.append(f"{name} was changed")
    return problems


def _check_chain(rows: list[Any]) -> list[str]:
    problems, previous = [], BEGINNING
    for expected, row in enumerate(rows, start=1):
        name = f"evidence {row['ordinal']}"
        if row["ordinal"] != expected:
            problems.append(f"evidence {expected} is missing")
            break
        if row["previous_hash"] != previous:
            problems.append(f"{name} does not follow the one before it")
        if hash_of(row) != row["hash"]:
            problems.append(f"{name} was changed")
        is_emptied = not row["salt"] and not row["payload"]
        if not is_emptied and digest_of(row["salt"], row["payload"]) != row["payload_digest"]:
            problems.append(f"the payload of {name} was changed")
        previous = row["hash"]
    return problems


def _check_texts(rows: list[Any], texts: list[Any]) -> list[str]:
    """Each text is the one that the person had before them."""
    problems = []
    policies = {(each["key"], each["version"], each["language"]): each["content"] for each in texts}
    for row in rows:
        said = row["payload"]
        if "policy_text_sha256" in said:
            key = (said.get("policy"), said.get("policy_version"), said.get("policy_language"))
            if key not in policies:
                problems.append(f"the text of policy {key[0]}, version {key[1]} ({key[2]}), is missing")
            elif _sha256(canonical(policies[key])) != said["policy_text_sha256"]:
                problems.append(
                    f"the text of policy {key[0]}, version {key[1]} ({key[2]}), is not the one that was shown"
                )
        if "checkbox_label_text" in said and _sha256(said["checkbox_label_text"]) != said.get("checkbox_label_sha256"):
            problems.append(f"the label of evidence {row['ordinal']} is not the one that was shown")
    return problems


def _check_seals(rows: list[Any], seals: list[Any]) -> list[str]:
    """Each seal holds the end of the chain that it names, by the path from its leaf to its root."""
    problems = []
    hashes = {row["ordinal"]: row["hash"] for row in rows}
    for seal in seals:
        name = f"seal {seal['ordinal']}"
        head = seal["head"]
        if hashes.get(head["ordinal"]) != head["hash"]:
            problems.append(f"evidence {head['ordinal']} is not the one that {name} found")
        leaf = f"{head['lead']}:{head['ordinal']}:{head['hash']}".encode()
        found = hashlib.sha256(b"\x00" + leaf).digest()
        for step in seal["path"]:
            other = bytes.fromhex(step["hash"])
            found = hashlib.sha256(b"\x01" + (other + found if step["side"] == "left" else found + other)).digest()
        said = {each: seal[each] for each in ("workspace", "ordinal", "sealed_at", "heads", "heads_root")}
        if found.hex() != seal["heads_root"] or _sha256(seal["previous_root"] + canonical(said)) != seal["root"]:
            problems.append(f"{name} was changed")
    return problems


def _check_receipt(text: bytes | None, public: bytes) -> list[str]:
    if text is None:
        return []
    receipt = json.loads(text)
    proof = receipt.pop("proof")
    good = ed25519_verify(public, canonical(receipt).encode(), _bytes(proof["value"]))
    return [] if good else ["the signature of the receipt does not fit it"]


def hash_of(row: Any) -> str:
    said = {name: row[name] for name in ("workspace", "lead", "ordinal", "act", "purpose", "channel", "occurred_at")}
    return _sha256(row["previous_hash"] + canonical(said) + row["payload_digest"])


def digest_of(salt: str, payload: Any) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + canonical(payload).encode()).hexdigest()


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def ed25519_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is of this message by this key: 8sB = 8R + 8kA (RFC 8032, section 5.1.7)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, r = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    base = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    assert base is not None
    left, right = _times(8 * s, base), _times(8, _add(r, _times(k, key)))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def _point(raw: bytes) -> Point | None:
    """A point as (x, y, z, xy/z) from its 32 bytes; None where they are none."""
    number = int.from_bytes(raw, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def _add(one: Point, two: Point) -> Point:
    """In extended coordinates, complete for this curve (RFC 8032, section 5.1.4)."""
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c = 2 * one[3] * two[3] * D % P
    d = 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(number: int, point: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            found = _add(found, point)
        point = _add(point, point)
        number >>= 1
    return found


def main(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help") or (len(words) > 1 and (words[1] != "--key" or len(words) != 3)):
        print(__doc__)
        return 2
    key = words[2] if len(words) == 3 else None
    if key and key.endswith(".json"):
        with open(key, encoding="utf-8") as file:
            key = file.read()
    try:
        facts, problems = check(words[0], key)
    except (Bad, KeyError, ValueError, TypeError, AttributeError) as error:
        print(f"not a bundle: {error}")
        return 1
    for name, value in facts.items():
        print(f"{name}: {value}")
    for problem in problems:
        print(f"PROBLEM: {problem}")
    print("NOT GENUINE" if problems else "genuine: every signature, file, act, text and seal fits")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
