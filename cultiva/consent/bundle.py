"""The "prove it" bundle: all that proves what one person agreed to, as a signed ZIP that is checked without us.

Rooms above bring what they own (the confirmation's mail, the form) by plug-ins of the group `proofs`.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from cultiva.accounts.actions import record_audit
from cultiva.accounts.models import Workspace
from cultiva.consent import check_proof
from cultiva.consent.evidence import canonical_json
from cultiva.consent.keys import keys_url, sign_bytes, signing_key
from cultiva.consent.models import Seal, SealedHead
from cultiva.consent.receipts import receipt_of
from cultiva.consent.sealing import leaf_of, merkle_path
from cultiva.consent.showing import ShownAct, acts_of
from cultiva.events.models import Event
from cultiva.leads.models import Lead
from cultiva.lib.database import workspace_scope
from cultiva.lib.plugins import Plugin, plugins

Json = dict[str, Any]

README = """\
What this person agreed to, and the proof of it. / Lo que esta persona aceptó, y su prueba.

evidence.jsonl    every act, oldest first, each chained to the one before by its hash
                  cada acto, del más antiguo al último, encadenado al anterior por su hash
texts/, texts.json  the policies and boxes word for word, as they were shown
                  las políticas y casillas, palabra por palabra, como se mostraron
seals.json        the seals that cover the chain, with the path to their root
                  los sellos que cubren la cadena, con el camino hasta su raíz
events.jsonl      what the ledger recorded of it / lo que registró el libro de eventos
receipt.jsonld    the person's receipt, signed / el recibo de la persona, firmado
manifest.json     the SHA-256 of each file; signature.json signs it (Ed25519)
verify.py         checks all of it without a network: / lo comprueba todo sin red:

    python3 verify.py THIS_FILE.zip --key KEY

KEY is the published public key: / KEY es la clave pública publicada en:
{url}
"""


class Proof(Plugin):
    """What a room brings to the bundle of a lead, one file of code a plug-in. A complete one:

    class Letters(Proof):
        kind, label = "letters", _("Letters")

        def files(self, *, workspace_id, lead_id):
            return {"letters.txt": letters_of(workspace_id, lead_id).encode()}
    """

    label: ClassVar[Any]

    def files(self, *, workspace_id: int, lead_id: int) -> dict[str, bytes]:
        """{path in the bundle: content}"""
        raise NotImplementedError


def prove(*, workspace_id: int, lead_id: int, at: datetime, by: str) -> bytes:
    """The bundle of a lead. Raises Lead.DoesNotExist. Who took it stands in the audit log."""
    with workspace_scope(workspace_id):
        Lead.objects.get(workspace_id=workspace_id, id=lead_id)
        workspace = Workspace.objects.get(id=workspace_id)
        acts = acts_of(workspace_id, lead_id)
        files = {
            "README.txt": README.format(url=keys_url(workspace)).encode(),
            "verify.py": Path(check_proof.__file__).read_bytes(),
            "evidence.jsonl": _lines([_evidence(act) for act in acts]),
            "texts.json": _json(_texts(acts)),
            "seals.json": _json(_seals(workspace_id, lead_id)),
            "events.jsonl": _lines(_events(workspace_id, lead_id)),
            "receipt.jsonld": _json(receipt_of(workspace_id=workspace_id, lead_id=lead_id, at=at)),
        } | _readable(acts)
        for proof in plugins("proofs").values():
            files |= proof().files(workspace_id=workspace_id, lead_id=lead_id)
        manifest = {
            "workspace": workspace.slug, "lead": lead_id, "made_at": at.astimezone(UTC).isoformat(timespec="seconds"),
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
        }  # fmt: skip
        signed = _json(manifest)
        key = signing_key(workspace_id=workspace_id, at=at)
        signature = {
            "type": "Ed25519", "kid": key.kid, "public_key": key.public_key, "keys": keys_url(workspace),
            "value": sign_bytes(key, signed),
        }  # fmt: skip
        record_audit(workspace_id=workspace_id, actor=by, action="consent.proven", target=f"lead:{lead_id}", at=at)
    return _zip(files | {"manifest.json": signed, "signature.json": _json(signature)}, at)


def _evidence(act: ShownAct) -> Json:
    """As the hash reads it: check_proof.hash_of."""
    row = act.evidence
    salt = row.payload.salt if hasattr(row, "payload") else ""
    return {
        "workspace": row.workspace_id, "lead": row.lead_id, "ordinal": row.ordinal, "act": row.act,
        "purpose": row.purpose, "channel": row.channel,
        "occurred_at": row.occurred_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "payload_digest": row.payload_digest, "previous_hash": row.previous_hash, "hash": row.hash, "salt": salt,
        "payload": act.payload, "id": row.id,
    }  # fmt: skip


def _texts(acts: list[ShownAct]) -> list[Json]:
    shown = {}
    for act in acts:
        if act.policy and act.text:
            language = act.payload["policy_language"]
            shown[act.policy.key, act.policy.version, language] = act.text
    return [
        {"key": key, "version": version, "language": language, "content": content}
        for (key, version, language), content in sorted(shown.items())
    ]


def _readable(acts: list[ShownAct]) -> dict[str, bytes]:
    """Policies as Markdown, for people."""
    files = {}
    for each in _texts(acts):
        content = each["content"]
        rows = "\n".join(f"- **{term}**: {said}" for term, said in content["first_layer"])
        text = f"# {content['title']}\n\n[ ] {content['label']}\n\n{rows}\n\n{content['text']}\n"
        files[f"texts/{each['key']}-v{each['version']}.{each['language']}.md"] = text.encode()
    return files


def _seals(workspace_id: int, lead_id: int) -> list[Json]:
    """Seals that hold an end of the chain, each with the path from it to the root."""
    heads = SealedHead.objects.filter(workspace_id=workspace_id, lead_id=lead_id).order_by("ordinal")
    seals = {
        seal.ordinal: seal
        for seal in Seal.objects.filter(workspace_id=workspace_id, ordinal__in=[head.seal for head in heads])
    }
    found = []
    for head in heads:
        seal = seals[head.seal]
        beside = SealedHead.objects.filter(workspace_id=workspace_id, seal=head.seal).order_by("lead_id")
        rows = list(beside.values_list("lead_id", "ordinal", "hash"))
        place = rows.index((lead_id, head.ordinal, head.hash))
        found.append({
            "workspace": workspace_id, "ordinal": seal.ordinal, "heads": seal.heads, "heads_root": seal.heads_root,
            "sealed_at": seal.sealed_at.isoformat(timespec="microseconds"), "previous_root": seal.previous_root,
            "root": seal.root, "head": {"lead": lead_id, "ordinal": head.ordinal, "hash": head.hash},
            "path": merkle_path([leaf_of(*row) for row in rows], place),
        })  # fmt: skip
    return found


def _events(workspace_id: int, lead_id: int) -> list[Json]:
    found = Event.objects.filter(workspace_id=workspace_id, lead_id=lead_id, kind="consent").order_by("id")
    return [
        {
            "id": event.id, "name": event.name, "occurred_at": event.occurred_at.isoformat(), "by": event.by,
            "actor": event.actor, "properties": event.properties,
        }
        for event in found
    ]  # fmt: skip


def _lines(rows: list[Json]) -> bytes:
    return "".join(canonical_json(row) + "\n" for row in rows).encode()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def _zip(files: Mapping[str, bytes], at: datetime) -> bytes:
    """The same bytes for the same files: each has the time of the bundle."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in sorted(files.items()):
            bundle.writestr(zipfile.ZipInfo(name, at.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
