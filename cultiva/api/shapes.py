"""What goes in and comes out, as the OpenAPI document shows it."""

from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from ninja import Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic.functional_validators import AfterValidator
from pydantic_core import PydanticCustomError

from cultiva.api.errors import unknown_words

Json = dict[str, Any]
T = TypeVar("T")

MOST_A_PAGE = 1000


def _sensible(instant: datetime) -> datetime:
    if not 1970 <= instant.year <= 2200:
        raise PydanticCustomError("invalid", "A year from 1970 to 2200 is expected")
    return instant


Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
Instant = Annotated[AwareDatetime, AfterValidator(_sensible)]


class Body(BaseModel):
    """What a caller sends; a field that we do not know is refused, with the nearest one named."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def refuse_unknown(cls, given: Any) -> Any:
        for name in given if isinstance(given, dict) else ():
            if name not in cls.model_fields:
                words = unknown_words(name, cls.model_fields, kind="body field")
                raise PydanticCustomError("unknown_field", "{words}", {"words": words, "field": name})
        return given


class Change(Body):
    """A change of what is there: a field left out stays, and null is refused, for it looks like a deletion."""

    @model_validator(mode="before")
    @classmethod
    def refuse_null(cls, given: Any) -> Any:
        fields = dict(given) if isinstance(given, dict) else {}
        told = fields.get("attributes")
        fields |= {f"attributes.{key}": value for key, value in told.items()} if isinstance(told, dict) else {}
        for name, value in fields.items():
            if value is None:
                words = f"`{name}` is null, which deletes nothing: what was once told stays. Leave the field out"
                raise PydanticCustomError("null", "{words}", {"words": words, "field": name})
        return given


Attributes = Annotated[
    Json, Field(max_length=100, description="Your own keys. Blank values change nothing; wrong types are kept aside.")
]


class LeadIn(Body):
    """At least one of email, phone and external_id says who it is."""

    email: str | None = Field(None, max_length=254)
    phone: str | None = Field(None, max_length=40, description="With its country prefix.")
    external_id: str | None = Field(None, max_length=200, description="Their id in your own system.")
    language: Literal["es", "en"] | None = None
    attributes: Attributes = {}


class LeadChange(Change):
    """An identifier can be added where there is none of its kind; one that is there is changed by merging."""

    email: str = Field("", max_length=254)
    phone: str = Field("", max_length=40)
    external_id: str = Field("", max_length=200)
    language: Literal["", "es", "en"] = ""
    attributes: Attributes = {}


class CompanyIn(Body):
    """At least one of domain and external_id says which it is."""

    name: str | None = Field(None, max_length=200)
    domain: str | None = Field(None, max_length=253)
    external_id: str | None = Field(None, max_length=200, description="The group id in your own system.")
    attributes: Attributes = {}


class CompanyChange(Change):
    name: str = Field("", max_length=200)
    attributes: Attributes = {}


class Company(BaseModel):
    id: int
    name: str
    domain: str | None
    external_id: str | None
    attributes: Json
    lead_count: int
    created_at: datetime


Subject = Literal["lead", "company"]
AttributeType = Literal[
    "text", "long_text", "number", "money", "date", "date_time", "boolean", "choice", "multi_choice", "email", "phone",
    "url", "country", "language", "time_zone",
]  # fmt: skip


class AttributeIn(Body):
    subject: Subject = "lead"
    key: str = Field(min_length=1, max_length=80)
    type: AttributeType
    label: str = Field("", max_length=120)
    choices: list[str] = Field([], max_length=500, description="Of choice and multi_choice; of money, its currency.")


class AttributeChange(Change):
    """A change of type reads every value anew: misfits come back where they fit."""

    type: AttributeType | Literal[""] = ""
    label: str | Literal[""] = Field("", max_length=120)
    choices: list[str] = Field([], max_length=500)


class Attribute(BaseModel):
    id: int
    subject: Subject
    key: str
    label: str
    type: str
    choices: list[str]
    is_guessed: bool = Field(description="Until a person, or a program, has said so.")
    created_at: datetime


class MergeIn(Body):
    merged_id: int = Field(ge=1, lt=2**63, description="The lead that becomes the one of the address.")
    force: bool = Field(False, description="Though their addresses or external ids differ.")


class Merge(BaseModel):
    id: int
    kept_id: int
    merged_id: int
    at: datetime
    undone_at: datetime | None


class MergeLine(BaseModel):
    area: str
    label: str
    kept: Any
    merged: Any
    result: Any
    why: str
    is_warning: bool


class MergePreview(BaseModel):
    kept_id: int
    merged_id: int
    is_possible: bool = Field(description="Perhaps only with force: see the reasons.")
    reasons: list[str] = Field(description="different_email, different_user_id: with force. Others: not at all.")
    lines: list[MergeLine]


class PageQuery(BaseModel):
    """A page of a list."""

    limit: int = Field(50, ge=1, le=MOST_A_PAGE, description="How many at most.")
    cursor: str | None = Field(None, max_length=1000, description="`next_cursor` of the page before.")


class Page(BaseModel, Generic[T]):
    data: list[T]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last one.")


class CompanyRef(BaseModel):
    id: int
    name: str
    domain: str | None


class Owner(BaseModel):
    id: int
    name: str
    email: str


class Purpose(BaseModel):
    """The last will expressed for one purpose on one channel."""

    purpose: str
    channel: str
    state: Literal["given", "withdrawn"]
    since: datetime


class Consent(BaseModel):
    """The marks of consent. The API shows them and never raises one: that takes evidence."""

    is_valid: bool = Field(description="Accepted the data-protection policy.")
    valid_since: datetime | None
    is_confirmed: bool = Field(description="Proved the address by double opt-in.")
    confirmed_since: datetime | None
    is_profiled: bool = Field(description="May be scored.")
    profiled_since: datetime | None
    objected_at: datetime | None = Field(description="To profiling.")
    purposes: list[Purpose]


class LeadMisfit(BaseModel):
    """A value that was not of its attribute's type: kept apart until a good one comes."""

    key: str
    value: Any
    seen_at: datetime


class Lead(BaseModel):
    id: int
    email: str | None
    phone: str | None = Field(description="E.164.")
    external_id: str | None = Field(description="Their id in your own system.")
    language: str
    source_kind: str = Field(description="form, import, api, manual, event, ads or webhook.")
    created_at: datetime
    last_seen_at: datetime | None = Field(description="Their own last act.")
    attributes: Json
    company: CompanyRef | None
    stage: str
    stage_since: datetime
    temperature: Literal["cold", "warm", "hot"] | None
    grade: str | None
    score: float | None = Field(description="Of the primary model; null is not 0: they may not be scored.")
    owner: Owner | None
    consent: Consent
    misfits: list[LeadMisfit]
    visitor_count: int = Field(description="Browsers, devices and user ids known to be theirs.")
    merged_ids: list[int] = Field(description="Leads that were merged into this one; their ids lead here.")


class Event(BaseModel):
    id: int
    kind: str
    name: str
    occurred_at: datetime
    received_at: datetime
    lead_id: int | None = Field(description="Of what the product recorded itself, or the lead asked for.")
    source_id: int | None = Field(description="null: recorded by the product itself.")
    actor: Literal["human", "machine", "unknown"]
    properties: Json


class Source(BaseModel):
    id: int
    key: str
    name: str
    kind: str
    allowed_origins: list[str]
    requires_tracking_consent: bool
    makes_leads: bool
    basis: str = Field(description="On what grounds a server tells of people; empty: not declared.")
    basis_note: str
    created_at: datetime
    stopped_at: datetime | None


class Workspace(BaseModel):
    id: int
    slug: str
    name: str
    language: str
    time_zone: str


class Whoami(BaseModel):
    workspace: Workspace
    key: str = Field(description="The key's name.")
    scopes: list[str]
    expires_at: datetime | None


class ScoreModel(BaseModel):
    key: str
    name: str
    version: int


class ScoreDimension(BaseModel):
    name: str
    value: float = Field(description="Within its own limits, before its weight.")
    weight: float
    min: float
    max: float
    points: float = Field(description="Its share of the total.")


class ScoreEvent(BaseModel):
    id: int
    what: str
    occurred_at: datetime
    weight: float | None = Field(description="What is left of it by now; null: it is counted, not weighed.")
    properties: Json


class ScoreRule(BaseModel):
    key: str
    words: str
    side: Literal["predictive", "retrospective"]
    dimension: str
    points: float = Field(description="Its share of the total, in tenths.")
    before_cap: float = Field(description="Points in its dimension before its own limit.")
    after_cap: float
    event_count: int
    events: list[ScoreEvent] = Field(description="The latest, at most 50, newest first.")
    next_change_at: datetime | None


class ScoreCut(BaseModel):
    words: str
    points: float


class ScoreChange(BaseModel):
    at: datetime
    rule: str = Field(description="Its key.")
    words: str = Field(description="What changes, and why.")
    points: float = Field(description="Of the total, more or fewer than before.")
    total: float = Field(description="What shows then.")


class ScoreProposal(BaseModel):
    rules: list[str] = Field(description="Their keys; several only count together.")
    words: str
    gain: float
    total: float = Field(description="What would show.")
    reaches: bool = Field(description="The next band; else it comes nearer.")


class ScoreInstant(BaseModel):
    at: datetime
    total: float | None = Field(description="null: there was no score.")


class Score(BaseModel):
    """The points of the rules and of the cuts add up to the total exactly, in tenths."""

    lead_id: int
    model: ScoreModel
    at: datetime
    language: Literal["es", "en"]
    total: float | None
    why_not: str | None = Field(description="not_valid or objected, where there is no score.")
    temperature: Literal["cold", "warm", "hot"] | None = Field(description="Of then, with the model's hysteresis.")
    grade: str | None
    next_change_at: datetime | None = Field(description="When time alone may change it.")
    dimensions: list[ScoreDimension]
    rules: list[ScoreRule]
    cuts: list[ScoreCut] = Field(description="What limits took away.")
    changes: list[ScoreChange] = Field(description="What changes by time alone, soonest first.")
    next_band: Literal["", "warm", "hot"] = Field(description="The next above; empty where there is none.")
    next_band_from: float | None = Field(description="The points at which it begins.")
    proposals: list[ScoreProposal] = Field(description="What would reach it; each was computed, not estimated.")
    history: list[ScoreInstant] = Field(description="Of the last 120 days, oldest first.")


class BandShare(BaseModel):
    band: Literal["hot", "warm", "cold"]
    leads: int
    converted: int
    share: float | None = Field(description="0 to 1; null where the days are not over, or nobody was there.")
    low: float | None = Field(description="Of the interval of 95 % (Wilson).")
    high: float | None


class MonthOfBands(BaseModel):
    month: date = Field(description="Its first day.")
    within_30_days: list[BandShare]
    within_90_days: list[BandShare]


class RuleHealth(BaseModel):
    key: str
    words: str
    leads: int = Field(description="Who have points of it now.")
    share: float = Field(description="Of the points of those who have some, on average, 0 to 1.")
    shares: list[float] = Field(description="At the beginning of each month, oldest first.")
    finding: Literal["", "dead", "dead_long", "rising", "everybody"] = Field(
        description="dead: nobody has points of it; dead_long: nor had for 90 days; rising: its share, month by month."
    )


class Histogram(BaseModel):
    day: date
    low: float = Field(description="Where the first interval begins.")
    width: float
    leads: list[int]


class DayOfScores(BaseModel):
    day: date
    leads: int = Field(description="With a score.")
    bands: dict[str, int]
    unscored: dict[str, int] = Field(description="not_valid, objected, no_basis, new; empty for months worked out.")


class ModelHealth(BaseModel):
    model: ScoreModel
    goal: str
    days: list[DayOfScores] = Field(description="Oldest first.")
    months: list[MonthOfBands]
    histograms: list[Histogram] = Field(description="Of each day of `days`.")
    rules: list[RuleHealth]


Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=80)]


class SegmentIn(Body):
    """A segment of this key is changed; without a key one is made of the name."""

    key: Key | Literal[""] = ""
    name: str = Field(min_length=1, max_length=160)
    kind: Literal["dynamic", "fixed"] = "dynamic"
    criteria: Json | None = Field(None, description="As in docs/reference/criteria.md. None for a fixed list.")
    takes_only_valid: bool = Field(True, description="Leaves out who did not accept the data-protection policy.")
    folder: str = Field("", max_length=120)
    tags: list[Annotated[str, Field(max_length=60)]] = Field([], max_length=20)


class SegmentUse(BaseModel):
    kind: str
    key: str


class Segment(BaseModel):
    id: int
    key: str
    name: str
    kind: Literal["dynamic", "fixed"]
    criteria: Json
    words: str = Field(description="The criteria in words, in the language of Accept-Language.")
    takes_only_valid: bool
    folder: str
    tags: list[str]
    member_count: int
    is_being_built: bool = Field(description="Until then the members are those of before.")
    used_by: list[SegmentUse]
    created_at: datetime
    changed_at: datetime


class SegmentMember(BaseModel):
    lead_id: int
    email: str
    since: datetime
    is_pinned: bool = Field(description="Put in by hand: stays, whatever the criteria say.")


class SegmentMembersIn(Body):
    """Leads by their ids, their addresses, or both."""

    lead_ids: list[Annotated[int, Field(ge=1, lt=2**63)]] = Field([], max_length=50_000)
    emails: list[Annotated[str, Field(max_length=254)]] = Field([], max_length=50_000)


class SegmentMoved(BaseModel):
    found: int = Field(description="How many leads are meant.")
    moved: int = Field(description="How many of them entered, or left.")
    unknown: list[str] = Field(description="Addresses of nobody.")


class SegmentCountIn(Body):
    criteria: Json
    takes_only_valid: bool = True


class SegmentCount(BaseModel):
    count: int
    not_valid: int = Field(description="More who meet the criteria, but did not accept the data-protection policy.")
    lead_ids: list[int] = Field(description="The newest of them.")
    words: str


class BulkActionIn(Body):
    """`settings` and `selection` as in docs/reference/bulk-actions.md."""

    action: str = Field(max_length=40, description="add_tag, remove_tag, set_attribute, assign_owner, ...")
    settings: Json = {}
    selection: Json = Field(description="One of {leads: [ids]}, {segment: key}, {filter: {..}}; {filter: {}}: all.")
    dry_run: bool = Field(False, description="Only count.")
    expected_total: int | None = Field(None, ge=0, lt=2**63, description="Refused where they are not so many.")


class BulkAction(BaseModel):
    id: int
    action: str
    settings: Json
    selection: Json
    state: Literal["counting", "counted", "running", "done", "stopped", "failed", "undoing", "undone", "undo_failed"]
    total: int | None = Field(description="Leads, fixed when they were counted.")
    done: int = Field(description="Leads that are done with.")
    counts: dict[str, int] = Field(description="changed, unchanged, gone; after undoing restored, kept.")
    problem: str
    can_undo: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    undone_at: datetime | None


class CriterionIn(Body):
    when: Json = Field(description="As in docs/reference/criteria.md.")
    weight: float = Field(gt=0, lt=1e9)


class Criterion(BaseModel):
    when: Json
    weight: float
    words: str = Field(description="The criterion in words, in the language of Accept-Language.")


class PersonaIn(Body):
    """A persona of this key is changed; without a key one is made of the name."""

    key: Key | Literal[""] = ""
    name: str = Field(min_length=1, max_length=160)
    description: str = Field("", max_length=5000)
    criteria: list[CriterionIn] = Field(min_length=1, max_length=50)
    content_hints: dict[Literal["es", "en"], str] = Field({}, description="What to tell them.")
    tone_hints: dict[Literal["es", "en"], str] = Field({}, description="How to talk to them.")
    is_draft: bool = Field(False, description="No lead is of a draft's persona.")


class Persona(BaseModel):
    key: str
    name: str
    description: str
    criteria: list[Criterion]
    content_hints: dict[str, str]
    tone_hints: dict[str, str]
    is_draft: bool
    revision: int = Field(description="Of the criteria; the evidence of each change of a lead's persona names it.")
    lead_count: int = Field(description="Leads whose main persona it is.")
    is_being_built: bool = Field(description="Until then some leads have the persona of before.")
    used_by: list[SegmentUse]
    created_at: datetime
    changed_at: datetime


class RehearsalQuery(BaseModel):
    limit: int = Field(50, ge=1, le=200)


class RehearsalIn(Body):
    """Weekly dates from `first` to `last`; each is asked with what was known then."""

    models: list[str] = Field([], max_length=4, description="Models as YAML or JSON, compared with the one in force.")
    first: date
    last: date
    horizon_days: int = Field(90, ge=1, le=730, description="How long a conversion is waited for after each date.")
    goal: str = Field("", max_length=200, description="The event that is the conversion; else the model's own.")
    capacity: float | None = Field(None, description="Hand-overs a week: the threshold is chosen by it.")
    name: str = Field("", max_length=160)


class RehearsalRow(BaseModel):
    id: int
    name: str
    state: Literal["waiting", "running", "done", "failed", "stopped"]
    first: date
    last: date
    horizon_days: int
    goal: str
    capacity: float | None
    asked_at: Instant
    done: int = Field(description="Dates asked so far, of all models together.")
    dates: int = Field(description="Dates to ask, of all models together.")
    problem: str = Field(description="Why it failed; else empty.")


class Rehearsal(RehearsalRow):
    models: list[str] = Field(description="The texts, the one in force first.")
    report: dict[str, Any] | None = Field(description="Null until it is done. It names nobody.")
