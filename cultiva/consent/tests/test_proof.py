"""Receipts and bundles: signed, whole, and checked by somebody who has nothing but the published key."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pypdf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from cultiva.accounts.models import AuditEntry
from cultiva.consent import check_proof
from cultiva.consent.actions import publish_policy, withdraw
from cultiva.consent.bundle import prove
from cultiva.consent.evidence import canonical_json
from cultiva.consent.keys import published_keys
from cultiva.consent.models import EvidencePayload
from cultiva.consent.receipt_pdf import receipt_pdf
from cultiva.consent.receipts import agreed_acts, kantara_of, receipt_of
from cultiva.consent.rules import publish_rules
from cultiva.consent.sealing import seal_chains
from cultiva.consent.tests.conftest import prove as confirm_address
from cultiva.consent.tests.documents import POLICY
from cultiva.leads.models import Lead

HOUR = timedelta(hours=1)
Change = Callable[[dict[str, bytes]], None]


@pytest.fixture
def bundle(huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime) -> bytes:
    accept(ana, at, "marketing", "phone")
    confirm_address(ana, at + HOUR)
    withdraw(workspace_id=huerta.id, lead_id=ana.id, purpose="phone", channel="phone", at=at + 2 * HOUR)
    seal_chains(workspace_id=huerta.id, at=at + 2 * HOUR, real_now=at)
    return prove(workspace_id=huerta.id, lead_id=ana.id, at=at + 3 * HOUR, by="user:1")


def files_of(bundle: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def pack(files: dict[str, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return file


def checked(bundle: bytes | io.BytesIO, key: str | None = None) -> tuple[dict[str, Any], list[str]]:
    return check_proof.check(io.BytesIO(bundle) if isinstance(bundle, bytes) else bundle, key)


def test_a_bundle_is_genuine_by_the_published_key_alone(huerta: Any, bundle: bytes) -> None:
    facts, problems = checked(bundle, json.dumps(published_keys(huerta)))
    assert problems == []
    assert (facts["workspace"], facts["acts"], facts["is_published_key"]) == ("huerta", 5, True)
    files = files_of(bundle)
    assert set(files) >= {
        "README.txt", "verify.py", "evidence.jsonl", "texts.json", "texts/privacy-v1.es.md", "seals.json",
        "events.jsonl", "receipt.jsonld", "manifest.json", "signature.json",
    }  # fmt: skip
    assert "He leído y acepto" in files["texts/privacy-v1.es.md"].decode()
    entry = AuditEntry.objects.filter(workspace_id=huerta.id, action="consent.proven").get()
    assert (entry.actor, entry.target.startswith("lead:")) == ("user:1", True)


def test_the_script_in_the_bundle_checks_it_without_anything_else(huerta: Any, bundle: bytes, tmp_path: Path) -> None:
    (tmp_path / "proof.zip").write_bytes(bundle)
    (tmp_path / "verify.py").write_bytes(files_of(bundle)["verify.py"])
    (tmp_path / "keys.json").write_text(json.dumps(published_keys(huerta)))
    alone = [sys.executable, "-I", "-S", "verify.py", "proof.zip", "--key", "keys.json"]
    run = subprocess.run(alone, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "genuine: every signature" in run.stdout
    other = json.dumps({"keys": [{"kid": "0" * 16, "x": "A" * 43}]})
    (tmp_path / "keys.json").write_text(other)
    run = subprocess.run(alone, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "not among the published ones" in run.stdout


def edit_evidence(files: dict[str, bytes]) -> None:
    files["evidence.jsonl"] = files["evidence.jsonl"].replace(b'"act":"withdrawn"', b'"act":"given"')


def edit_payload(files: dict[str, bytes]) -> None:
    files["evidence.jsonl"] = files["evidence.jsonl"].replace(b"203.0.113.9", b"203.0.113.8")


def drop_last(files: dict[str, bytes]) -> None:
    files["evidence.jsonl"] = b"".join(files["evidence.jsonl"].splitlines(keepends=True)[:-1])


def edit_text(files: dict[str, bytes]) -> None:
    files["texts.json"] = files["texts.json"].replace("Tres años".encode(), "Nueve años".encode())


def add_file(files: dict[str, bytes]) -> None:
    files["more.txt"] = b"x"


def edit_receipt(files: dict[str, bytes]) -> None:
    files["receipt.jsonld"] = files["receipt.jsonld"].replace(b"dpv:ConsentWithdrawn", b"dpv:ConsentGiven")


def edit_manifest(files: dict[str, bytes]) -> None:
    files["manifest.json"] = files["manifest.json"].replace(b'"huerta"', b'"otra"')


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edit_evidence, "evidence 5 was changed"),
        (edit_payload, "the payload of evidence 2 was changed"),
        (drop_last, "evidence 5 is not the one that seal 1 found"),
        (edit_text, "is not the one that was shown"),
        (add_file, "more.txt was added"),
        (edit_receipt, "the signature of the receipt does not fit it"),
        (edit_manifest, "the signature does not fit manifest.json"),
    ],
)
def test_a_bundle_that_somebody_changed_is_not_genuine(huerta: Any, bundle: bytes, change: Change, words: str) -> None:
    files = files_of(bundle)
    change(files)
    problems = checked(pack(files), json.dumps(published_keys(huerta)))[1]
    assert any(words in problem for problem in problems), problems


def test_a_bundle_signed_anew_by_somebody_else_is_not_genuine(huerta: Any, bundle: bytes) -> None:
    import base64

    def text(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    files = files_of(bundle)
    stranger = Ed25519PrivateKey.generate()
    signature = json.loads(files["signature.json"])
    signature |= {
        "value": text(stranger.sign(files["manifest.json"])),
        "public_key": text(stranger.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)),
    }
    files["signature.json"] = json.dumps(signature).encode()
    assert checked(pack(files), json.dumps(published_keys(huerta)))[1]


@pytest.mark.parametrize("content", [b"", b"not a zip", pack({"a": b"1"}).getvalue()])
def test_what_is_no_bundle_is_told_so(content: bytes) -> None:
    with pytest.raises(check_proof.Bad):
        checked(content)


def test_an_old_proof_stays_as_it_was_after_the_text_has_changed(
    huerta: Any, bundle: bytes, ana: Lead, at: datetime
) -> None:
    changed = POLICY.replace("Tres años desde tu último contacto", "Nueve años desde tu último contacto")
    publish_policy(workspace_id=huerta.id, text=changed, at=at + 4 * HOUR)
    again = prove(workspace_id=huerta.id, lead_id=ana.id, at=at + 5 * HOUR, by="user:1")
    for name in ("texts.json", "texts/privacy-v1.es.md", "evidence.jsonl"):
        assert files_of(again)[name] == files_of(bundle)[name]
    assert checked(again, json.dumps(published_keys(huerta)))[1] == []


def test_a_bundle_of_an_erased_lead_still_has_its_chain(huerta: Any, bundle: bytes, ana: Lead, at: datetime) -> None:
    EvidencePayload.objects.filter(workspace_id=huerta.id).update(salt="", payload={}, checks="")
    emptied = prove(workspace_id=huerta.id, lead_id=ana.id, at=at + 4 * HOUR, by="user:1")
    facts, problems = checked(emptied, json.dumps(published_keys(huerta)))
    assert (facts["acts"], problems) == (5, [])
    assert b"203.0.113.9" not in b"".join(files_of(emptied).values())


def test_a_receipt_has_every_field_that_the_standard_asks_for(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    publish_rules(workspace_id=huerta.id, text="consent_rules: workspace\njurisdiction: ES", at=at)
    accept(ana, at, "marketing", "phone")
    confirm_address(ana, at + HOUR)
    receipt = receipt_of(workspace_id=huerta.id, lead_id=ana.id, at=at + 2 * HOUR)
    assert receipt["@type"] == "dpv:ConsentReceipt"
    assert receipt["dct:conformsTo"] == "https://w3id.org/dpv/schema/dpv-27560-GDPR"
    records = receipt["dpv:hasRecordOfActivity"]
    assert [each["dpv:hasProcess"][0]["dct:description"] for each in records] == [
        "He leído y acepto la política de protección de datos",
        "Quiero recibir consejos y ofertas por correo electrónico",
        "Podéis llamarme por teléfono",
    ]
    for record in records:
        for name in ("@id", "dct:identifier", "dct:language", "dpv:hasDataSubject", "dpv:hasNotice"):
            assert record[name], name
        process = record["dpv:hasProcess"][0]
        for name in (
            "dpv:hasPurpose", "dpv:hasPersonalData", "dpv:hasDataController", "dpv:hasRecipient", "dpv:hasJurisdiction",
            "dpv:hasStorageCondition", "dpv:hasConsentControl", "dpv:hasLegalBasis", "dpv:hasRight", "dpv:hasAuthority",
        ):  # fmt: skip
            assert process[name], name
        assert record["dpv:hasConsentStatus"][0]["@type"] == "dpv:ConsentGiven"
    assert records[1]["dpv:hasConsentStatus"][0]["dpv:hasIndicationMethod"] == "checkbox+double-opt-in"
    assert records[2]["dpv:hasConsentStatus"][0]["dpv:hasDuration"]["rdf:value"] == "P24M"
    assert receipt["dpv:hasEntity"][0]["dpv:hasName"] == "Huerta Riego S.L."
    assert "ana@example.com" not in json.dumps(receipt)


@pytest.mark.parametrize(
    ("language", "title"), [("es", "Recibo de lo que aceptaste"), ("en", "Receipt of what you agreed to")]
)
def test_a_receipt_is_a_pdf_in_their_language_with_the_words_that_they_saw(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime, language: str, title: str
) -> None:
    accept(ana, at, "marketing")
    content = receipt_pdf(workspace_id=huerta.id, lead_id=ana.id, at=at + HOUR, language=language)
    assert content.startswith(b"%PDF-1.")
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert text.startswith(title)
    assert "Quiero recibir consejos y ofertas" in text
    assert "Huerta Riego S.L." in text
    for act in agreed_acts(huerta.id, ana.id):
        assert act.evidence.hash in text.replace(" ", "")
    assert "ana@example.com" not in text


def test_a_receipt_is_verified_by_the_published_key(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at, "marketing")
    receipt = receipt_of(workspace_id=huerta.id, lead_id=ana.id, at=at)
    proof = receipt.pop("proof")
    keys = {each["kid"]: each["x"] for each in published_keys(huerta)["keys"]}
    public, value = (check_proof._bytes(text) for text in (keys[proof["kid"]], proof["value"]))
    message = canonical_json(receipt).encode()
    assert check_proof.ed25519_verify(public, message, value)
    assert not check_proof.ed25519_verify(public, message + b" ", value)


def test_a_kantara_receipt_has_its_required_fields(
    huerta: Any, ana: Lead, accept: Callable[..., Any], at: datetime
) -> None:
    accept(ana, at, "marketing")
    receipt = kantara_of(workspace_id=huerta.id, lead_id=ana.id, at=at)
    assert receipt["version"] == "KI-CR-v1.1.0"
    assert receipt["consentTimestamp"] == int(at.timestamp())
    for name in (
        "jurisdiction", "collectionMethod", "consentReceiptID", "language", "piiPrincipalId", "piiControllers",
        "policyUrl", "services",
    ):  # fmt: skip
        assert receipt[name], name
    assert receipt["piiControllers"][0]["piiController"] == "Huerta Riego S.L."
    assert receipt["services"][1]["purposes"][0]["purpose"].startswith("Quiero recibir")


@settings(max_examples=12, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 63), st.integers(1, 255))
def test_the_scripts_own_verification_agrees_with_the_librarys(message: bytes, place: int, change: int) -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = bytearray(key.sign(message))
    assert check_proof.ed25519_verify(public, message, bytes(signature))
    signature[place] ^= change
    assert not check_proof.ed25519_verify(public, message, bytes(signature))
