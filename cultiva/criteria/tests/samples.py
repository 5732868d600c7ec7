"""What random documents and people are made of: small pools full of edges."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from cultiva.criteria.tests.cast import Act, Person

TEXTS = [
    "ES", "es", "Dirección", "DIRECCION", "director general", "straße", "STRASSE", "ﬁn", "Ω", " ", " ES", "%", "_",
    "o'x\\", "5", "+5", "5.0", "5e0", "5E+0", "05", "5.", ".5", "٥", "-2.5", "1e21", "1e+21", "1e400", "-1e400",
    "1e-400", "0." + "0" * 400 + "1", "1" + "0" * 400, "nan", "inf", "true", "True", "false", "\u0301", "a\u0301", "á",
]  # fmt: skip
NUMBERS = [0, 5, 5.0, -2.5, 99.5, 1e21, 1e-7, 2**53, 2**53 + 1, 10**20, 1e300, 5e-324, -0.0, 0.1]
ELEMENTS = [*TEXTS, *NUMBERS, True, False, None, "", {}, {"a": "ES"}, ["ES"], []]

letters = st.characters(categories=["L", "M", "N", "P", "S", "Zs"])  # what YAML lets stand as it is
texts = st.sampled_from(TEXTS) | st.text(letters, min_size=1, max_size=3)
numbers = st.sampled_from(NUMBERS) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-20, 20)
scalars = texts | numbers | st.booleans()
values = st.sampled_from(ELEMENTS) | scalars | st.lists(st.sampled_from(ELEMENTS) | scalars, max_size=3)
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
]

attributes = st.builds(lambda name, test: {"attribute": name, **test}, st.sampled_from(["a", "b"]), comparisons)

PATHS = ["a", "b.c", "b.0", "l.0"]
properties = st.fixed_dictionaries(
    {},
    optional={"a": values, "b": st.fixed_dictionaries({"c": values}) | values, "l": values},
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
events = st.builds(
    lambda event, days: {**event, **days},
    bare_events,
    st.sampled_from([{}, {"within_days": 1}, {"within_days": 3}, {"within_days": 30}, {"within_days": 0.5}]),
)
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
