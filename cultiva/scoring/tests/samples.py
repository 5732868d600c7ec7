"""Random scoring models, full of edges."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cultiva.criteria.tests.cast import Act, Person
from cultiva.criteria.tests.samples import DAY, INSTANT, ages, bare_events, documents, figures, values
from cultiva.criteria.tests.samples import people as people_of_criteria

Json = dict[str, Any]
# A plain day, and the days after the clocks of Madrid went forward and back.
INSTANTS = [
    datetime(2026, 3, 10, 12, tzinfo=UTC),
    datetime(2026, 3, 30, 10, tzinfo=UTC),
    datetime(2025, 10, 27, 10, tzinfo=UTC),
]
MONTHS = [instant - back for instant in INSTANTS for back in (timedelta(0), 31 * DAY, 60 * DAY)]
# Ages that fall on the local midnights around them.
midnights = st.builds(
    lambda hours, edge: timedelta(hours=hours) + edge,
    st.sampled_from([10, 11, 12, 13, 34, 35, 36, 37]),
    st.sampled_from([timedelta(0), INSTANT, -INSTANT]),
)
visits = st.builds(
    Act,
    st.just("download"),
    ages | midnights,
    properties=st.fixed_dictionaries({}, optional={"a": values}),
    by_visitor=st.booleans(),
)
people = st.builds(
    lambda person, more: Person(person.attributes, [*person.acts, *more]),
    people_of_criteria,
    st.lists(visits, max_size=6),
)
points = st.sampled_from([0, 1, 5, -3, 2.5, -0.1, 1e-6, 1e6]) | st.floats(-100, 100).map(lambda x: round(x, 3))
bounds = st.fixed_dictionaries(
    {}, optional={"min": st.sampled_from([0, -2, -10.5]), "max": st.sampled_from([0, 1, 7.25, 40])}
)
trees = documents.filter(lambda document: "event" not in document).map(lambda document: {"when": document})
steps: SearchStrategy[Json] = st.sampled_from(
    [{"expires_days": 1}, {"expires_days": 3}, {"expires_days": 0.3}, {"expires_days": 40}]
)
smooth: SearchStrategy[Json] = st.sampled_from(
    [{"half_life_days": 3}, {"half_life_days": 0.01}, {"linear_days": 7}, {"linear_days": 0.5}]
)
windows: SearchStrategy[Json] = st.sampled_from(
    [{}, {}, {"window_days": 1}, {"window_days": 3}, {"window_days": 30}, {"window_days": 0.5}]
)


def ageings(ageing: SearchStrategy[Json]) -> SearchStrategy[Json]:
    return ageing.map(lambda way: {"ageing": way})


def event_rules(ageing: SearchStrategy[Json]) -> SearchStrategy[Json]:
    return st.builds(
        lambda when, count, more: {"when": when, **count, **more},
        st.sampled_from([{"event": "any"}, {"event": "download"}]) | bare_events | figures,
        st.sampled_from(
            [
                {},
                {"count": "each"},
                {"count": "once"},
                {"count": "last"},
                {"count": "per_day"},
                {"count": "per_distinct", "distinct": "a"},
                {"count": "per_distinct", "distinct": "b.c"},
            ]
        ),
        st.builds(lambda window, ageing: {**window, **ageing}, windows, st.just({}) | ageings(ageing)),
    )


def models(ageing: SearchStrategy[Json]) -> SearchStrategy[Json]:
    rules = st.builds(
        lambda rule, points, bounds, dimension: {**rule, "points": points, **bounds, "dimension": dimension},
        trees | event_rules(ageing) | event_rules(ageing),
        points,
        bounds,
        st.sampled_from(["fit", "interest"]),
    )
    return st.builds(
        lambda rules, fit, interest, is_matrix, **more: {
            "model": "random",
            "dimensions": {"fit": fit, "interest": interest},
            "rules": [{"key": f"r{number}", **rule} for number, rule in enumerate(rules)],
            "grade": {"dimension": "fit", "A": 30, "B": 5, "C": 0},
            **({"interest_grade": {"dimension": "interest", "1": 20, "2": 5, "3": -2}} if is_matrix else {}),
            "temperature": {"warm": 3, "hot": 10, "hysteresis": 2},
            **more,
        },
        st.lists(rules, min_size=1, max_size=5),
        bounds.flatmap(lambda b: st.sampled_from([b, {**b, "weight": -0.5}, {**b, "weight": 0}])),
        bounds,
        st.booleans(),
        total=bounds,
        timezone=st.sampled_from(["Europe/Madrid", "UTC", "America/Havana"]),
    )
