"""Looking for groups among the leads: asked for by a person, done in the background, told with its doubts.

A sample of at most MOST_LEADS leads is read; the search runs in a process of its own that may use MEMORY_BYTES and ends
with its answer (looking.py), so that no worker keeps numpy and its friends in memory. What it suggests is then judged
by the code that will judge the leads: the precision and recall that are shown are those.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

import cultiva
from cultiva.accounts.actions import record_audit
from cultiva.accounts.models import Workspace
from cultiva.events.actions import SKEW
from cultiva.leads.attributes import definitions
from cultiva.lib.database import fetch_all, load_sql, workspace_scope
from cultiva.segments.persona_models import Discovery, Persona
from cultiva.segments.personas.actions import PersonaRefused, free_key, save_persona
from cultiva.segments.personas.closeness import CLOSE_ENOUGH, judge_closeness
from cultiva.segments.personas.features import (
    DAYS,
    Candidate,
    Column,
    Person,
    candidates_of,
    choices_of,
    columns_of,
    either,
)
from cultiva.segments.personas.naming import name_of, words_of
from cultiva.segments.standing import Standing, read_persona

log = logging.getLogger(__name__)

Json = dict[str, Any]
Key = tuple[int, frozenset[int]]  # a column and the levels for which a condition holds

MOST_LEADS = 20_000  # read and assigned; the models are fitted on fewer (clusters.MOST_FITTED)
CHUNK = 2000  # leads a statement
MEMORY_BYTES = 1024 * 1024 * 1024
LONGEST = timedelta(minutes=15)  # of one search, and of the lease on it
SEED = 7
ROOT = Path(cultiva.__file__).parents[1]
GOING = ("waiting", "running")
LEAST_FOUND = 0.5  # harmonic mean of precision and recall: criteria that find less are no description


class SearchFailed(RuntimeError):
    """The process ended without an answer; the message says how."""


def ask_discovery(*, workspace_id: int, by: str, at: datetime, seed: int = SEED) -> Discovery:
    """Let a worker look for groups; the one that is waiting or running, where there is one."""
    with workspace_scope(workspace_id):
        try:
            with transaction.atomic():
                found = Discovery.objects.create(
                    workspace_id=workspace_id, state="waiting", seed=seed, by=by, asked_at=at
                )  # fmt: skip
        except IntegrityError:
            return Discovery.objects.get(workspace_id=workspace_id, state__in=GOING)
        record_audit(
            workspace_id=workspace_id, actor=by, action="persona.discovery", target=f"discovery:{found.id}", at=at
        )  # fmt: skip
    return found


def latest_discovery(workspace_id: int) -> Discovery | None:
    return Discovery.objects.filter(workspace_id=workspace_id).order_by("-id").first()


def find_discovery(workspace_id: int, discovery_id: int) -> Discovery | None:
    return Discovery.objects.filter(workspace_id=workspace_id, id=discovery_id).first()


def run_next(*, workspace_id: int, at: datetime, real_now: datetime) -> int:
    """Do the search that waits, or that a worker left when it died; 1 where there was one."""
    with workspace_scope(workspace_id):
        waiting = Discovery.objects.select_for_update(skip_locked=True).filter(workspace_id=workspace_id)
        found = waiting.filter(state__in=GOING).exclude(leased_until__gt=real_now).order_by("id").first()
        if found is None:
            return 0
        found.state, found.leased_until = "running", real_now + LONGEST
        found.step, found.percent = "reading", 0
        found.save(update_fields=["state", "leased_until", "step", "percent"])
    try:
        result = _discover(found, at)
    except (SearchFailed, OSError) as error:
        log.exception("event=personas.discovery_failed workspace=%d discovery=%d", workspace_id, found.id)
        _end(found, at, state="failed", problem=str(error))
    else:
        _end(found, at, state="done", result=result)
    return 1


def _end(found: Discovery, at: datetime, **more: Any) -> None:
    with workspace_scope(found.workspace_id):
        Discovery.objects.filter(workspace_id=found.workspace_id, id=found.id).update(
            done_at=at, percent=100, step="", leased_until=None, leads=found.leads, leads_known=found.leads_known,
            **more,
        )  # fmt: skip


def _discover(found: Discovery, at: datetime) -> Json:
    people = _read_people(found, at)
    with workspace_scope(found.workspace_id):
        types = {key: each.type for key, each in definitions(found.workspace_id, "lead").items()}
    columns = columns_of(people, types)
    candidates = candidates_of(columns)
    answer = _search(found, columns, candidates)
    says = {_key_of(each.column, each.levels): each.criteria for each in candidates}
    groups = [_told(each, n, columns, says) for n, each in enumerate(answer["groups"], 1)]
    _judge_back(found, people, answer["groups"], groups, at)
    return {
        "groups": groups,
        "features": sorted({(bool(each.path) or each.kind == "event", each.path or each.name) for each in columns}),
        **{key: answer[key] for key in ("why_none", "unstable", "considered", "points", "memory_bytes")},
    }


# Reading


def _read_people(found: Discovery, at: datetime) -> list[Person]:
    where = {"workspace": found.workspace_id, "seed": found.seed, "limit": MOST_LEADS}
    with workspace_scope(found.workspace_id):
        found.leads_known = fetch_all(load_sql("segments", "people_there_are"), where)[0]["n"]
        people = [Person(**row) for row in fetch_all(load_sql("segments", "people_to_look_at"), where)]
    found.leads = len(people)
    by_id = {person.lead_id: person for person in people}
    for chunk in _chunks(sorted(by_id)):
        asked = {"workspace": found.workspace_id, "leads": chunk, "at": at, "days": DAYS}
        with workspace_scope(found.workspace_id):
            for row in fetch_all(load_sql("segments", "acts_of_people"), asked):
                acts = by_id[row["lead_id"]].acts
                acts[row["event"], ""] = acts.get((row["event"], ""), 0) + row["times"]
                if row["path"]:
                    acts[row["event"], row["path"]] = row["times"]
    return people


def _chunks(lead_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(lead_ids), CHUNK):
        yield lead_ids[start : start + CHUNK]


# Searching


def _search(found: Discovery, columns: Sequence[Column], candidates: Sequence[Candidate]) -> Json:
    """The answer of the process. Raises SearchFailed."""
    given = {
        "columns": [
            {
                "levels": len(c.levels),
                "is_ordered": c.is_ordered,
                "is_for_groups": c.is_for_groups,
                "choices": choices_of(c),
                "rows": list(c.rows),
            }
            for c in columns
        ],
        "candidates": [
            {"column": each.column, "levels": list(each.levels), "takes_unknown": each.takes_unknown}
            for each in candidates
        ],
        "seed": found.seed,
        "memory_bytes": MEMORY_BYTES,
    }
    # One core: whoever searches shares the machine with the product.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "cultiva.segments.personas.looking"]
    with tempfile.TemporaryFile("w+") as complaints:
        with subprocess.Popen(  # noqa: S603 (our own module)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env=environment,
            cwd=ROOT,
        ) as process:
            timer = threading.Timer(LONGEST.total_seconds(), process.kill)
            timer.start()
            try:
                answer = _converse(found, process, given)
            finally:
                timer.cancel()
                process.kill()
        if answer is None:
            complaints.seek(0)
            raise SearchFailed(_why(process.returncode, complaints.read()))
    return answer


def _converse(found: Discovery, process: "subprocess.Popen[str]", given: Json) -> Json | None:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        json.dump(given, process.stdin)
        process.stdin.close()
    except BrokenPipeError:
        return None
    told_at = datetime.min.replace(tzinfo=UTC)
    for line in process.stdout:
        said = json.loads(line)
        if "answer" in said:
            return dict(said["answer"])
        if datetime.now(UTC) - told_at > timedelta(seconds=1):
            told_at = datetime.now(UTC)
            with workspace_scope(found.workspace_id):
                Discovery.objects.filter(workspace_id=found.workspace_id, id=found.id).update(**said)
    return None


def _why(status: int | None, complaints: str) -> str:
    if "MemoryError" in complaints or "Unable to allocate" in complaints:
        return f"The search needed more than {MEMORY_BYTES // 2**20} MB of memory."
    last = complaints.strip().splitlines()[-1:] or [f"it ended with status {status}"]
    return f"The search broke off: {last[0][:300]}"


# Telling


def _told(group: Mapping[str, Any], number: int, columns: Sequence[Column], says: Mapping[Key, Json]) -> Json:
    def said(candidate: Mapping[str, Any]) -> Json:
        found = says.get(_key_of(candidate["column"], candidate["levels"]))
        return found or either(columns[candidate["column"]], candidate["levels"])

    traits = [each["candidate"] for each in group["traits"]]
    return {
        "name": name_of([(columns[each["column"]], each["levels"], said(each)) for each in traits], number),
        "size": len(group["members"]),
        "stability": group["stability"],
        "traits": [
            {"words": words_of(said(trait["candidate"]))}
            | {key: trait[key] for key in ("inside", "others", "lift", "difference")}
            for trait in group["traits"]
        ],
        "criteria": [{"when": said(candidate), "weight": weight} for candidate, weight in group["criteria"]],
        "accepted": None,
    }


def _key_of(column: int, levels: Iterable[int]) -> Key:
    return column, frozenset(levels)


def _judge_back(
    found: Discovery,
    people: Sequence[Person],
    members: Sequence[Mapping[str, Any]],
    groups: Sequence[Json],
    at: datetime,
) -> None:
    """Adds to each group: found (how many leads would have it as their main persona), precision and recall.

    Criteria that find too little are taken away, the worst first: the others are judged without them again.
    """
    lead_ids = sorted(person.lead_id for person in people)
    insides = [{people[row].lead_id for row in each["members"]} for each in members]
    while True:
        suggested = {str(n): each["criteria"] for n, each in enumerate(groups) if each["criteria"]}
        main = _main_personas(found, lead_ids, suggested, at) if suggested else {}
        poor = []
        for n, (group, inside) in enumerate(zip(groups, insides, strict=True)):
            chosen = {lead_id for lead_id, key in main.items() if key == str(n)}
            right = len(inside & chosen)
            group["found"] = len(chosen)
            group["precision"] = round(right / len(chosen), 4) if chosen else 0.0
            group["recall"] = round(right / len(inside), 4)
            share = 2 * right / (len(chosen) + len(inside))
            if group["criteria"] and share < LEAST_FOUND:
                poor.append((share, n))
        if not poor:
            return
        groups[min(poor)[1]]["criteria"] = []


def _main_personas(
    found: Discovery, lead_ids: Sequence[int], suggested: Mapping[str, Any], at: datetime
) -> dict[int, str]:
    """{lead: key} of those who are close enough to one of the personas."""
    personas = [Standing(key, 1, read_persona(key, criteria)) for key, criteria in suggested.items()]
    with workspace_scope(found.workspace_id):
        zone = Workspace.objects.values_list("time_zone", flat=True).get(id=found.workspace_id)
    judged = judge_closeness(personas, timezone=zone, with_edges=False)
    statement = (
        f"WITH {judged.steps} {load_sql('segments', 'closest_personas').replace('(0, 0, 0, NULL)', judged.rows)}"
    )
    asked = "1" * sum(len(each.persona.criteria) for each in personas)
    where = {**judged.parameters, "workspace": found.workspace_id, "at": at, "until": at + SKEW}
    main: dict[int, str] = {}
    for chunk in _chunks(lead_ids):
        with workspace_scope(found.workspace_id):
            rows = fetch_all(statement, where | {"leads": list(chunk), "asked": [asked] * len(chunk)})
        main |= {row["lead_id"]: row["key"] for row in rows if row["closeness"] >= CLOSE_ENOUGH}
    return main


# Accepting


def accept_group(
    *, workspace_id: int, discovery_id: int, number: int, language: str, by: str, at: datetime, name: str = ""
) -> Persona:
    """A draft persona of a group (from 0), with its suggested criteria; the same one a second time.

    Raises PersonaRefused.
    """
    with workspace_scope(workspace_id):
        found = Discovery.objects.select_for_update().filter(workspace_id=workspace_id, id=discovery_id).first()
        groups = found.result.get("groups", []) if found else []
        if found is None or not 0 <= number < len(groups):
            raise PersonaRefused(gettext("There is no such group."), gettext("look for groups again"))
        group = groups[number]
        known = Persona.objects.filter(workspace_id=workspace_id, key=group["accepted"] or "").first()
        if known is not None:
            return known
        if not group["criteria"]:
            raise PersonaRefused(
                gettext("This group has no few conditions to be known by."), gettext("write the criteria yourself")
            )
        name = name.strip() or group["name"][language]
        persona = save_persona(
            workspace_id=workspace_id, name=name, key=free_key(workspace_id, name), criteria=group["criteria"],
            description=_description(group, language), is_draft=True, by=by, at=at,
        )  # fmt: skip
        group["accepted"] = persona.key
        found.save(update_fields=["result"])
    return persona


def _description(group: Mapping[str, Any], language: str) -> str:
    return "\n".join(
        f"{trait['words'][language]}: {round(100 * trait['inside'])} % / {round(100 * trait['others'])} %"
        for trait in group["traits"]
    )
