"""Policies, purposes, and the evidence of what each person accepted, confirmed or withdrew."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import Document, Workspace, WorkspaceRow
from cultiva.leads.models import Lead


class PolicyVersion(Document):
    """The data-protection policy, in every language of the workspace.

    body: {controller: {name, address, email, dpo_email}, profiling: legitimate_interest | consent | none,
    languages: {es: {title, label, first_layer: [[term, text], ..], text: markdown}, ..}}
    """

    class Meta:
        db_table = "policy_version"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "version"], name="policy_version_once")
        ]


class PurposeVersion(Document):
    """What a box asks for. body: {channel, position, languages: {es: {label}, ..}}; key: marketing, phone, ...

    Where more than a consent allows it, also `bases`, and `assessment` {name, by, on} of a legitimate interest.
    """

    class Meta:
        db_table = "purpose_version"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "version"], name="purpose_version_once")
        ]


class RulesVersion(Document):
    """Where the workspace's law is told. body: {jurisdiction: ES, expires_after_months: {email: 24}}; one key."""

    class Meta:
        db_table = "consent_rules_version"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "version"], name="consent_rules_version_once")
        ]


class CookieNoticeVersion(Document):
    """What visitors of a website are asked before their visits count (consent.cookie_notices); one key."""

    class Meta:
        db_table = "cookie_notice_version"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key", "version"], name="cookie_notice_version_once")
        ]


class LeadRow(WorkspaceRow):
    """A row about a lead, or its evidence: the reference to the lead names the workspace, and a second is not checked
    beside it. At a million rows it is half a minute."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        abstract = True


class Evidence(LeadRow):
    """One act of consent, append-only, hash-chained per lead over salted digests (consent.evidence).

    What names an evidence is written by the statement that adds it, and nobody can take it away: no foreign key
    checks that once more. `verify_chain` does, and says what is missing.
    """

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    ordinal = models.PositiveIntegerField()
    # policy_accepted, given, withdrawn, confirmed; objected, restricted, released, blocked, minor, guardian_consented;
    # informed, contract, soft_opt_in; of imported people, what stands for the acceptance: imported_with_proof,
    # imported_declared, imported_contract
    act = models.CharField(max_length=20)
    purpose = models.CharField(max_length=80, blank=True, default="")
    channel = models.CharField(max_length=20, blank=True, default="")
    occurred_at = models.DateTimeField()
    payload_digest = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "consent_evidence"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "lead", "ordinal"], name="evidence_once")
        ]


class EvidencePayload(LeadRow):
    """The personal part of an evidence; an erasure empties it without breaking the chain."""

    evidence = models.OneToOneField(
        Evidence, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="payload"
    )
    salt = models.CharField(max_length=32)
    payload = models.JSONField(default=dict)
    checks = models.TextField(default="", db_default="")  # evidence.checks_of; empty where it was written in bulk

    class Meta:
        db_table = "consent_evidence_payload"


class Seal(WorkspaceRow):
    """The ends of the chains that grew since the seal before, under one root that the audit log keeps too."""

    id = models.BigAutoField(primary_key=True)
    ordinal = models.PositiveIntegerField()
    sealed_at = models.DateTimeField()
    made_at = models.DateTimeField()  # real time
    upto_id = models.BigIntegerField()  # of the evidence that it looked at
    heads = models.PositiveIntegerField()
    heads_root = models.CharField(max_length=64)  # sealing.merkle_root
    previous_root = models.CharField(max_length=64)
    root = models.CharField(max_length=64)

    class Meta:
        db_table = "consent_seal"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "ordinal"], name="one_seal_a_number")
        ]


class SealedHead(LeadRow):
    """The end of one lead's chain as a seal found it: nothing up to it can go unnoticed."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    ordinal = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)
    seal = models.PositiveIntegerField()  # its ordinal

    class Meta:
        db_table = "consent_sealed_head"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "lead", "ordinal"], name="sealed_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "seal", "lead"], name="sealed_head_of_seal")
        ]


class ConsentMark(LeadRow):
    """Three of the four marks of a lead; the fourth, contactable, is kept per purpose in ConsentState."""

    lead = models.OneToOneField(
        Lead, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="mark"
    )
    # accepted the policy, or came in with proof, a named declaration or a contract
    valid_since = models.DateTimeField(null=True)
    confirmed_since = models.DateTimeField(null=True)  # last proof of the address by double opt-in
    profiled_since = models.DateTimeField(null=True)  # the declared basis holds and nobody objected
    objected_at = models.DateTimeField(null=True)  # to profiling
    stopped_at = models.DateTimeField(null=True)  # wants no marketing, whatever the channel
    restricted_at = models.DateTimeField(null=True)  # art. 18 GDPR: kept, and not used
    blocked_at = models.DateTimeField(null=True)  # erased: what stays is for the law alone
    # Below the age of consent until then, at the latest: the first of the month after the birthday, so that no birthday
    # is kept.
    minor_until = models.DateField(null=True)
    guardian_since = models.DateTimeField(null=True)  # a parent or guardian agreed

    class Meta:
        db_table = "consent_mark"


class ConsentState(LeadRow):
    """The last will expressed for one purpose on one channel: given or withdrawn."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(
        Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="consents"
    )
    purpose = models.CharField(max_length=80)
    channel = models.CharField(max_length=20)
    state = models.CharField(max_length=12)
    since = models.DateTimeField()
    renewed_at = models.DateTimeField(null=True)  # ticked again before it expired
    # It was withdrawn before it was given: then only a proof of the address makes it count, whatever the law.
    was_withdrawn = models.BooleanField(default=False, db_default=False)
    expiry_told_at = models.DateTimeField(null=True)  # that it will expire
    evidence = models.ForeignKey(
        Evidence, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        db_table = "consent_state"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "lead", "purpose", "channel"], name="one_state_a_purpose")
        ]


class Preference(LeadRow):
    """What a lead wishes beside consents: a pause, and how often at most."""

    lead = models.OneToOneField(Lead, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="+")
    paused_until = models.DateTimeField(null=True)
    every_days = models.PositiveSmallIntegerField(null=True)  # at most one mail in so many days; null: as it comes
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "consent_preference"


class Basis(LeadRow):
    """What allows contact with a lead where no box was ticked: a contract, or a purchase (soft opt-in)."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    basis = models.CharField(max_length=20)  # contract | soft_opt_in
    purpose = models.CharField(max_length=80, blank=True, default="")  # empty: every purpose that names the basis
    channel = models.CharField(max_length=20, blank=True, default="")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)  # the end of the contract
    evidence = models.ForeignKey(
        Evidence, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        db_table = "consent_basis"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["workspace", "lead", "basis", "purpose", "channel"], name="one_basis_a_purpose"
            )
        ]


class Confirmation(WorkspaceRow):
    """A double opt-in asked for: single use, stored as a hash, good for 72 hours."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True)
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)  # the person withdrew meanwhile
    reminded_at = models.DateTimeField(null=True)

    def state_at(self, at: datetime) -> str:
        """pending, confirmed, expired or revoked."""
        if self.confirmed_at and self.confirmed_at <= at:
            return "confirmed"
        if self.revoked_at and self.revoked_at <= at:
            return "revoked"
        return "pending" if at <= self.expires_at else "expired"

    class Meta:
        db_table = "confirmation"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "lead"], name="confirmation_lead")]


class Suppression(WorkspaceRow):
    """An address that must not be written to, kept only as a keyed hash."""

    id = models.BigAutoField(primary_key=True)
    address_hash = models.CharField(max_length=64)
    reason = models.CharField(max_length=20)  # actions.SUPPRESSION_REASONS
    created_at = models.DateTimeField()

    class Meta:
        db_table = "suppression"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "address_hash"], name="suppressed_once")
        ]


class ExclusionList(WorkspaceRow):
    """A file of hashed addresses or telephones of people who are not to be disturbed, as it was read last.

    `kind`: `register` (an advertising exclusion register, asked where nobody consented) or `opt_out` (people who told
    another system of ours that they want nothing: whatever the basis).
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=80)
    kind = models.CharField(max_length=12)
    imported_at = models.DateTimeField()
    file_sha256 = models.CharField(max_length=64)
    rows = models.PositiveIntegerField()
    by = models.CharField(max_length=120)  # as in the audit log

    class Meta:
        db_table = "exclusion_list"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "key"], name="one_exclusion_list_a_key")
        ]


class ExcludedAddress(WorkspaceRow):
    """One line of an exclusion list: a keyed hash of the SHA-256 that the file gave."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    id = models.BigAutoField(primary_key=True)
    list = models.ForeignKey(ExclusionList, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "excluded_address"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "hash", "list"], name="excluded_once")
        ]


class SigningKey(WorkspaceRow):
    """What receipts and bundles are signed with (consent.keys). The last one is in force; none is taken away."""

    id = models.BigAutoField(primary_key=True)
    kid = models.CharField(max_length=16)
    public_key = models.CharField(max_length=60)  # base64url
    private_key = models.TextField()  # encrypted (lib.secrets)
    made_at = models.DateTimeField()

    class Meta:
        db_table = "consent_signing_key"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "kid"], name="one_signing_key_a_name")
        ]
