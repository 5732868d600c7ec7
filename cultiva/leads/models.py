"""Leads and what is known of them. Rows are projections of the ledger."""

from typing import Any, ClassVar

from django.db import models

from cultiva.accounts.models import User, Workspace, WorkspaceRow


class Company(WorkspaceRow):
    """An organisation that leads work for, known by its domain or by the group id its own systems give it."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=200, blank=True, default="")
    domain = models.CharField(max_length=253, null=True)  # IDNA, lower case
    external_id = models.CharField(max_length=200, null=True)  # the groupId of group calls
    attributes = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "company"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "domain"], name="one_company_a_domain"),
            models.UniqueConstraint(fields=["workspace", "external_id"], name="one_company_a_group"),
        ]


class Lead(WorkspaceRow):
    """A person who gave their data of their own will.

    Found by address, by their id in the company's own systems, or, where no address is known, by telephone.
    """

    # Files bring leads by the million: no index but those that are read (here, and below in other tables of leads).
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+", db_index=False)
    id = models.BigAutoField(primary_key=True)
    email = models.CharField(max_length=254, blank=True, default="")
    email_key = models.CharField(max_length=254, null=True)  # casefolded, NFKC; null: no address known
    phone_key = models.CharField(max_length=20, null=True)  # E.164
    external_id = models.CharField(max_length=200, null=True)  # the userId of identify calls
    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False, related_name="leads"
    )
    attributes = models.JSONField(default=dict)
    folded = models.JSONField(null=True)  # lib.folding
    language = models.CharField(max_length=5, default="es")
    source_kind = models.CharField(max_length=20)  # form, import, api, manual, event, ads, webhook
    created_at = models.DateTimeField()
    search_text = models.TextField(default="")  # folded name, company, address: what the list searches
    # A merged lead's row stays, for its events and its undoing; its identifiers move to the one it was merged into.
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        db_table = "lead"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "email_key"], name="one_lead_an_address"),
            models.UniqueConstraint(fields=["workspace", "external_id"], name="one_lead_an_external_id"),
            # A family or an office shares a telephone: only who has nothing else is known by it.
            models.UniqueConstraint(
                fields=["workspace", "phone_key"],
                condition=models.Q(email_key=None, external_id=None, merged_into=None),
                name="one_lead_a_bare_phone",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="lead_newest"),
            models.Index(
                fields=["workspace", "company"], name="lead_company", condition=models.Q(company__isnull=False)
            ),
            models.Index(
                fields=["workspace", "merged_into"], name="lead_merged", condition=models.Q(merged_into__isnull=False)
            ),
            models.Index(
                fields=["workspace", "phone_key"], name="lead_phone", condition=models.Q(phone_key__isnull=False)
            ),
        ]

    @property
    def full_name(self) -> str:
        known = (self.attributes.get("first_name"), self.attributes.get("last_name"))
        name = " ".join(str(part) for part in known if part)
        return name or self.email or self.phone_key or self.external_id or f"#{self.id}"


class VisitorLink(WorkspaceRow):
    """Which lead a visitor turned out to be. Events keep naming the visitor."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+", db_index=False)
    id = models.BigAutoField(primary_key=True)
    visitor = models.UUIDField()
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    linked_at = models.DateTimeField()
    event_id = models.BigIntegerField(null=True)  # what said so; null: a door that saw them

    class Meta:
        db_table = "visitor_link"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "visitor"], name="one_lead_a_visitor")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "lead"], name="visitor_link_lead")]


class VisitorClaim(WorkspaceRow):
    """What a visitor said of who they are, whether or not there is a lead yet. The first word counts.

    Visitors who are one person form a tree by `same_as`; only its root has an `email_key`. A root that is a user's
    visitor has a `user_id`. See leads.identity.
    """

    id = models.BigAutoField(primary_key=True)
    visitor = models.UUIDField()
    same_as = models.UUIDField(null=True)
    email_key = models.CharField(max_length=254, null=True)
    user_id = models.TextField(null=True)
    event_id = models.BigIntegerField()  # the first that said something of them
    occurred_at = models.DateTimeField()

    class Meta:
        db_table = "visitor_claim"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "visitor"], name="one_claim_a_visitor")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["workspace", "same_as"], name="visitor_claim_same", condition=models.Q(same_as__isnull=False)
            ),
            models.Index(
                fields=["workspace", "email_key"],
                name="visitor_claim_email",
                condition=models.Q(email_key__isnull=False),
            ),
        ]


class LeadAddress(WorkspaceRow):
    """By which addresses visitors are recognised as a lead: those that our own records, or a secret key, gave it."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    id = models.BigAutoField(primary_key=True)
    email_key = models.CharField(max_length=254)
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")

    class Meta:
        db_table = "lead_address"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "email_key"], name="one_address_a_lead")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "lead"], name="lead_address_lead")]


class IdentityConflict(WorkspaceRow):
    """An event by which a visitor would have become two people. Nothing was merged."""

    id = models.BigAutoField(primary_key=True)
    visitor = models.UUIDField()  # who they were before
    other = models.UUIDField(null=True)  # the user they would have become; null: an address only
    reason = models.CharField(max_length=40)  # leads.identity.REASONS
    event_id = models.BigIntegerField()
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "identity_conflict"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "event_id", "visitor", "reason"], name="one_conflict_an_event")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "visitor"], name="identity_conflict_visitor")
        ]


class LeadState(WorkspaceRow):
    """What lists and searches need of a lead, one narrow row, written once a batch.

    Each column has one writer: stage, stage_since, cycle: lifecycle; temperature, grade, score: scoring (the
    primary model); owner: sales; last_seen_at: leads.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    lead = models.OneToOneField(
        Lead, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="state"
    )
    stage = models.CharField(max_length=40, default="lead")
    stage_since = models.DateTimeField()
    cycle = models.PositiveSmallIntegerField(default=1)
    temperature = models.CharField(max_length=8, null=True)  # null: no score
    grade = models.CharField(max_length=2, null=True)
    score = models.FloatField(null=True)  # shown total of the primary model; null: not scored
    owner = models.ForeignKey(User, on_delete=models.PROTECT, null=True, db_index=False, related_name="+")
    last_seen_at = models.DateTimeField(null=True)  # the person's own last act

    class Meta:
        db_table = "lead_state"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner"], name="lead_state_owner", condition=models.Q(owner__isnull=False))
        ]


class LeadAlias(WorkspaceRow):
    """A merged lead and the one it is now, however often that one was merged on. Read by view `lead_event`."""

    merged = models.OneToOneField(
        Lead, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="+"
    )
    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, related_name="+")

    class Meta:
        db_table = "lead_alias"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "lead"], name="lead_alias_lead")]


class Attribute(WorkspaceRow):
    """What a key of a lead's, or a company's, attributes means: made on first sight, changed by staff."""

    id = models.BigAutoField(primary_key=True)
    subject = models.CharField(max_length=8)  # lead | company
    key = models.CharField(max_length=80)
    label = models.CharField(max_length=120, blank=True, default="")  # empty: the key itself
    # text, long_text, number, money, date, date_time, boolean, choice, multi_choice, email, phone, url, country,
    # language, time_zone
    type = models.CharField(max_length=20)
    choices = models.JSONField(default=list)  # of choice and multi_choice
    is_guessed = models.BooleanField(default=True)  # until a person has said so
    created_at = models.DateTimeField()
    # After a change of type: the last lead or company whose values were read anew; null: all were.
    read_after = models.BigIntegerField(null=True)
    read_count = models.IntegerField(default=0, db_default=0)

    class Meta:
        db_table = "attribute"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "subject", "key"], name="one_attribute_a_key")
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(
                fields=["workspace"], condition=models.Q(read_after__isnull=False), name="attribute_being_read"
            )
        ]

    @property
    def is_being_read(self) -> bool:
        return self.read_after is not None


class Misfit(WorkspaceRow):
    """A value that was not of its attribute's type: kept and shown, until a good one comes or the type changes."""

    id = models.BigAutoField(primary_key=True)
    subject = models.CharField(max_length=8)  # lead | company
    subject_id = models.BigIntegerField()
    key = models.CharField(max_length=80)
    value = models.JSONField()
    reason = models.CharField(max_length=300, blank=True, default="")  # a sentence, in English
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "attribute_misfit"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "subject", "subject_id", "key"], name="one_misfit_a_key")
        ]


class Merge(WorkspaceRow):
    """Two leads became one. `record` holds what that changed, {table: [{key, before, after}]}, for an undo."""

    id = models.BigAutoField(primary_key=True)
    kept = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    merged = models.ForeignKey(Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    at = models.DateTimeField()
    by = models.CharField(max_length=120)  # user:7
    is_forced = models.BooleanField(default=False)  # the two had different addresses or user ids
    record = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=120, blank=True, default="")

    class Meta:
        db_table = "lead_merge"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["workspace", "merged"], condition=models.Q(undone_at=None), name="merged_once"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "kept"], name="lead_merge_kept")]


class Conversion(WorkspaceRow):
    """An order, a subscription or a checkout of a lead, as its events amount to (leads.commerce)."""

    id = models.BigAutoField(primary_key=True)
    lead = models.ForeignKey(
        Lead, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="conversions"
    )
    kind = models.CharField(max_length=12)  # order | subscription | checkout
    key = models.CharField(max_length=200)  # the shop's number; event:<id> where it gave none
    value = models.DecimalField(max_digits=16, decimal_places=4, null=True)  # null: only a refund or the like is known
    currency = models.CharField(max_length=3, blank=True, default="")
    refunded = models.DecimalField(
        max_digits=16, decimal_places=4, default=0
    )  # of an order whose value is known: <= it
    started_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)
    last_event_id = models.BigIntegerField()

    class Meta:
        db_table = "conversion"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "lead", "kind", "key"], name="one_conversion_a_key")
        ]


class LeadValue(WorkspaceRow):
    """What a lead's conversions amount to. No row: they have none."""

    lead = models.OneToOneField(
        Lead, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="value"
    )
    orders = models.PositiveIntegerField()  # not cancelled
    subscriptions = models.PositiveIntegerField()  # not cancelled
    value = models.JSONField(default=dict)  # {currency: paid, less refunds}
    first_at = models.DateTimeField(null=True)  # first and last order or subscription
    last_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "lead_value"
