"""What random documents and people are made of: small pools full of edges."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from cultiva.criteria.tests.cast import Act, Person

TEXTS = [
    "ES", "es", "Dirección", "DIRECCION", "director general", "straße", "STRASSE", "ﬁn", "Ω", " ", " ES", "%", "_",
    "o'x\\", "5", "+5", "5.0", "5e0", "5E+0", "05", "5.", ".5", "٥", "-2.5", "1e21", "1e+21", "1e400", "-1e400",
    "1e-400", "0." + "0" * 400 + "1", "1" + "0" * 400, "nan", "inf", "true", "True", "false", "\u0301", "a\u0301", "á",
]  # fmt: skip
DATES = ["2026-03-10", "2026-03-09", "2026-03-11", "2024-02-29", "2025-02-28", "2026-02-28", "2025-03-01", "1999-12-31"]
TIMES = [
    "2026-03-10T23:30:00Z", "2026-03-10 22:59:59.9999999", "2026-03-10T23:00", "2026-03-09T23:00:00+00:00",
    "2026-03-11T00:59:59+02:00", "2026-03-10T20:00:00-0330", "2026-03-10T19-05", "2026-03-29T00:30:00Z",
    "2025-10-26T00:30:00+02:00", "2024-02-29T23:30:00Z", "2024-02-28T23:30:00Z", "2026-03-10T10,5", "2026-03-10T24:00",
    "2026-03-10T10:60", "2026-03-10T10:00:00.5+01:00", "2026-03-10T1:00", "2026-03-10t10:00Z", "2026-W11-2",
]  # fmt: skip
NO_DATES = [
    "2025-02-29",
    "2026-02-30",
    "2026-13-01",
    "2026-00-10",
    "0000-01-01",
    "26-03-10",
    "2026-3-10",
    " 2026-03-10",
]
PATTERNS = [
    "recc", "^dir", "[A-Z]{2}", "^[0-9]+$", r"\d\.", r"\w\s", r"^\S+$", "e.g|s$", "(a|e)+r", "ó", "^$", "^.$", ".",
    "x{0,2}5",     r"[^\d\s]$", r"\W", "[%_]", r"\(|\\", "^(?:true|false)$", "-2?", "[a-fA-F-]", "á|a\u0301", r"1e\+21",
]  # fmt: skip
NUMBERS = [0, 5, 5.0, -2.5, 99.5, 1e21, 1e-7, 2**53, 2**53 + 1, 10**20, 1e300, 5e-324, -0.0, 0.1]
ELEMENTS = [
    *TEXTS,
    *DATES,
    *TIMES,
    *NO_DATES,
    "one\ntwo",
    "two\n",
    *NUMBERS,
    True,
    False,
    None,
    "",
    {},
    {"a": "ES"},
    ["ES"],
    [],
]

letters = st.characters(categories=["L", "M", "N", "P", "S", "Zs"])  # what YAML lets stand as it is
days = st.dates(date(1990, 1, 1), date(2030, 12, 31)).map(str)
texts = st.sampled_from(TEXTS) | st.text(letters, min_size=1, max_size=3)
numbers = st.sampled_from(NUMBERS) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-20, 20)
scalars = texts | numbers | st.booleans()
values = st.sampled_from(ELEMENTS) | days | scalars | st.lists(st.sampled_from(ELEMENTS) | scalars, max_size=3)
ranges = st.lists(numbers, min_size=2, max_size=2).map(lambda pair: sorted(pair, key=float))

comparisons: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(lambda k, v: {k: v}, st.sampled_from(["is", "is_not"]), scalars),
    st.builds(
        lambda k, v: {k: v}, st.sampled_from(["any_of", "none_of", "all_of"]), st.lists(scalars, min_size=1, max_size=3)
    ),
    st.builds(
        lambda k, v: {k: v}, st.sampled_from(["contains", "does_not_contain", "starts_with", "ends_with"]), texts
    ),
    st.builds(lambda v: {"contains_any": v}, st.lists(texts, min_size=1, max_size=3)),
    st.builds(lambda k, v: {k: v}, st.sampled_from(["gt", "gte", "lt", "lte"]), numbers),
    st.builds(lambda v: {"between": v}, ranges),
    st.sampled_from([{"is_empty": True}, {"is_not_empty": True}]),
    st.builds(lambda v: {"matches": v}, st.sampled_from(PATTERNS)),
    st.builds(lambda k, v: {k: v}, st.sampled_from(["before", "after", "on"]), st.sampled_from(DATES)),
    st.builds(
        lambda k, v: {k: v},
        st.sampled_from(["within_last_days", "within_next_days", "anniversary_within_days"]),
        st.sampled_from([1, 2, 7, 30, 365, 366]) | st.integers(1, 400),
    ),
)
OPERANDS = [*TEXTS, *NUMBERS, True, False]
COMPARISONS: list[dict[str, Any]] = [
    *({operator: operand} for operator in ("is", "is_not") for operand in OPERANDS),
    *({operator: text} for operator in ("contains", "starts_with", "ends_with") for text in TEXTS),
    *({operator: number} for operator in ("gt", "gte", "lt", "lte") for number in NUMBERS),
    *({operator: [operand, "ES"]} for operator in ("any_of", "none_of", "all_of") for operand in OPERANDS),
    {"does_not_contain": "e"},
    {"contains_any": ["zz", "recc"]},
    {"between": [-2.5, 5]},
    {"is_empty": True},
    {"is_not_empty": True},
    *({"matches": pattern} for pattern in PATTERNS),
    *({operator: day} for operator in ("before", "after", "on") for day in DATES),
    *(
        {operator: days}
        for operator in ("within_last_days", "within_next_days", "anniversary_within_days")
        for days in (1, 2, 3, 20, 354, 365, 366, 400)
    ),
]

attributes = st.builds(lambda name, test: {"attribute": name, **test}, st.sampled_from(["a", "b"]), comparisons)

# Sums of these are exact in whatever order: engines add up in theirs.
amounts = st.sampled_from([5, 2.5, -2.5, 0, "5", "7.5", "x", True, None, 1e308, [5], 0.25, 1000])
PATHS = ["a", "b.c", "b.0", "l.0"]
properties = st.fixed_dictionaries(
    {},
    optional={"n": amounts, "a": values, "b": st.fixed_dictionaries({"c": values}) | values, "l": values},
)
SECOND = timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)
DAY = timedelta(days=1)
ages = st.sampled_from(
    [
        timedelta(0),
        INSTANT,
        SECOND,
        DAY - INSTANT,
        DAY,
        DAY + INSTANT,
        2 * DAY,
        3 * DAY - INSTANT,
        3 * DAY,
        7 * DAY,
        7 * DAY + INSTANT,
        30 * DAY - INSTANT,
        30 * DAY,
        -INSTANT,
        -DAY,
    ]
) | st.timedeltas(timedelta(0), 40 * DAY)
NAMES = [("track", "download")] * 3 + [("page", "")] * 2 + [("screen", ""), ("identify", ""), ("track", "page")]
acts = st.builds(
    lambda named, **more: Act(kind=named[0], name=named[1], **more),
    st.sampled_from(NAMES),
    age=ages,
    properties=properties,
    actor=st.sampled_from(["human", "unknown", "human", "machine"]),
    by_visitor=st.booleans(),
)
times = st.sampled_from(
    [{"at_least": 1}, {"at_least": 2}, {"at_most": 0}, {"at_most": 1}, {"exactly": 0}, {"exactly": 2},
     {"at_least": 0}, {"at_least": 1, "at_most": 2}]
)  # fmt: skip
tests_of_properties = st.builds(lambda path, test: {"property": path, **test}, st.sampled_from(PATHS), comparisons)
bare_events = st.fixed_dictionaries(
    {"event": st.sampled_from(["any", "any", "download", "download", "page", "identify", "track"])},
    optional={"where": st.lists(tests_of_properties, max_size=1), "times": times},
)
figures = st.builds(
    lambda name, figure: {"event": name, **figure},
    st.sampled_from(["any", "download"]),
    st.builds(lambda path: {"distinct": path}, st.sampled_from(PATHS))
    | st.builds(lambda path, times: {"distinct": path, "times": times}, st.sampled_from(PATHS), times)
    | st.builds(
        lambda figure, path, limit: {figure: path, **limit},
        st.sampled_from(["sum", "max"]),
        st.sampled_from(["n", "n", "a"]),
        st.builds(
            lambda k, v: {k: v}, st.sampled_from(["gt", "gte", "lt", "lte"]), st.sampled_from([0, 5, 7.5, -2, 1e300])
        )
        | st.just({"between": [-2.5, 7.5]}),
    ),
)
spans = st.sampled_from(
    [{}, {"within_days": 1}, {"within_days": 3}, {"within_days": 30}, {"within_days": 0.5},
     {"between_dates": ["2026-03-09", "2026-03-10"]}, {"between_dates": ["2026-03-10", "2026-03-10"]},
     {"between_dates": ["2026-03-08", "2026-03-08"]}]
)  # fmt: skip
events = st.builds(lambda event, span: {**event, **span}, bare_events | figures, spans)
documents = st.recursive(
    attributes | events,
    lambda inner: st.one_of(
        st.builds(lambda nodes: {"all": nodes}, st.lists(inner, max_size=3)),
        st.builds(lambda nodes: {"any": nodes}, st.lists(inner, max_size=3)),
        st.builds(lambda node: {"not": node}, inner),
    ),
    max_leaves=4,
)
people = st.builds(
    Person,
    st.fixed_dictionaries({}, optional={"a": values, "b": values}),
    st.lists(acts, max_size=6),
)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
