"""Filling the demo: a believable Spanish company with six months of leads that end at the present minute."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction

from cultiva.accounts.actions import create_user, create_workspace, find_workspace, grant_role
from cultiva.accounts.models import Membership, Role, User, Workspace
from cultiva.demo import big
from cultiva.demo.campaigns import run_campaigns
from cultiva.demo.history import imagine
from cultiva.demo.live import switch_live_source
from cultiva.demo.past import Sources, set_stage, start_of, write_past
from cultiva.demo.replay import Replay, analyze
from cultiva.documents.applying import apply_folder
from cultiva.events.actions import make_partitions_ahead
from cultiva.events.models import EventSource
from cultiva.events.seen import recount
from cultiva.events.sources import create_source
from cultiva.leads.models import Lead
from cultiva.lib.database import execute, fetch_all, load_sql, workspace_scope
from cultiva.mailing.actions import ensure_system_templates
from cultiva.segments.building import build_now, tell
from cultiva.segments.models import Segment
from cultiva.segments.personas.actions import want_build

SLUG, NAME = "riega", "Riega Azudea"
DEMO_FOLDER = Path(__file__).parent / "documents"
STAFF = (
    ("ana@riega.example", "Ana Belmonte", Role.OWNER),
    ("marta@riega.example", "Marta Lozano", Role.MARKETING),
    ("carlos@riega.example", "Carlos Navarro", Role.SALES),
    ("lucia@riega.example", "Lucía Prieto", Role.SALES),
    ("jorge@riega.example", "Jorge Sanz", Role.ANALYST),
)


@dataclass(frozen=True)
class DemoResult:
    """counts: {leads, events, customers, hand_overs, waiting}; empty where the demo was there already."""

    workspace: Workspace
    owner: User
    is_new: bool
    counts: dict[str, int] = field(default_factory=dict)


def fill_demo(
    *, at: datetime, seed: int = 7, leads: int = 2000, slug: str = "", progress: Callable[[str], None]
) -> DemoResult:
    """Make the demo workspace, whole or not at all. Where it exists and has leads, nothing is done.

    The same seed, instant and number give the same data, ids apart. Above BIG_BEYOND leads see `demo.big`.
    """
    slug = slug or SLUG
    found = find_workspace(slug)
    if found and _has_leads(found):
        progress(f"The demo workspace `{slug}` is there already; nothing was changed.")
        return DemoResult(found, _owner(found), is_new=False)
    began = time.monotonic()
    if leads > big.BIG_BEYOND:
        return _fill_big(found, at=at, seed=seed, leads=leads, slug=slug, progress=progress)
    if found:
        progress(f"The workspace `{slug}` is there already; nothing was changed.")
        return DemoResult(found, _owner(found), is_new=False)
    progress(f"Filling the demo: {NAME}, {leads} leads over six months …")
    history = imagine(at=at, seed=seed, leads=leads)
    start = start_of(history)
    _make_partitions(start, at)  # before the one long transaction, because each locks the ledger for all others
    with transaction.atomic():
        execute("SET LOCAL jit = off")  # thousands of short statements: compiling each took five times their time
        workspace = create_workspace(name=NAME, slug=slug, language="es", time_zone="Europe/Madrid", at=start)
        owner = _hire(workspace, start)
        with workspace_scope(workspace.id):
            apply_folder(workspace_id=workspace.id, folder=DEMO_FOLDER, by="system", at=start)
            ensure_system_templates(workspace_id=workspace.id, at=start)
            stage = set_stage(workspace, _connect(workspace, start))
            events = write_past(stage, history)
            progress(f"  {len(events)} events written down; now living through them …")
            Replay(stage, history, events, seed).run(progress)
            switch_live_source(workspace.id, True)
            want_build(workspace.id, at)  # the personas of those whose last act lies behind
            for segment in Segment.objects.filter(workspace=workspace).order_by("level", "id"):
                build_now(segment, at)
                while tell(segment):
                    pass
            run_campaigns(workspace, at=at)
            recount(workspace.id)
            analyze()
            counts = fetch_all(load_sql("demo", "count"), {"workspace": workspace.id})[0]
    progress(f"  done in {time.monotonic() - began:.1f} s: {_say(counts)}")
    return DemoResult(workspace, owner, is_new=True, counts=counts)


def _fill_big(
    found: Workspace | None, *, at: datetime, seed: int, leads: int, slug: str, progress: Callable[[str], None]
) -> DemoResult:
    """The documents first; an empty workspace that an earlier try left is taken up."""
    began, start = time.monotonic(), at - big.SPAN - timedelta(days=5)
    progress(f"Filling a big demo: {NAME}, {leads:,} leads over fifteen months …")
    with transaction.atomic():
        workspace = found or create_workspace(name=NAME, slug=slug, language="es", time_zone="Europe/Madrid", at=start)
        owner = _hire(workspace, start) if found is None else _owner(workspace)
        with workspace_scope(workspace.id):
            if found is None:
                apply_folder(workspace_id=workspace.id, folder=DEMO_FOLDER, by="system", at=start)
                ensure_system_templates(workspace_id=workspace.id, at=start)
                _connect(workspace, start)
            stage = set_stage(workspace, _sources_of(workspace))
    big.fill_big(stage, at=at, seed=seed, leads=leads, progress=progress)
    with workspace_scope(workspace.id):
        want_build(workspace.id, at)
        Segment.objects.filter(workspace=workspace).update(wants_build=True)  # by the worker
        counts = fetch_all(load_sql("demo", "count"), {"workspace": workspace.id})[0]
    took = time.monotonic() - began
    progress(f"  done in {took:.1f} s, {counts['events'] / took:,.0f} events a second: {_say(counts)}")
    return DemoResult(workspace, owner, is_new=True, counts=counts)


def _has_leads(workspace: Workspace) -> bool:
    with workspace_scope(workspace.id):
        return Lead.objects.filter(workspace_id=workspace.id).exists()


def _sources_of(workspace: Workspace) -> Sources:
    ids = dict(EventSource.objects.filter(workspace_id=workspace.id).values_list("key", "id"))
    return Sources(web=ids["web"], server=ids["erp"])


def _make_partitions(start: datetime, end: datetime) -> None:
    """`make_partitions_ahead` makes three months at a time; they overlap."""
    while start <= end:
        make_partitions_ahead(at=start)
        start += timedelta(days=60)


def _hire(workspace: Workspace, at: datetime) -> User:
    """The staff, without passwords: they sign in by one-time links. Returns the owner."""
    for email, name, role in STAFF:
        user = User.objects.with_email(email).first() or create_user(email=email, full_name=name, at=at)
        grant_role(workspace_id=workspace.id, user=user, role=role, at=at)
    return _owner(workspace)


def _owner(workspace: Workspace) -> User:
    with workspace_scope(workspace.id):
        owners = Membership.objects.filter(workspace=workspace, role=Role.OWNER).select_related("user")
        return owners.order_by("id")[0].user


def _connect(workspace: Workspace, at: datetime) -> Sources:
    web, _ = create_source(workspace_id=workspace.id, key="web", name="riega.example", at=at)
    server, _ = create_source(workspace_id=workspace.id, key="erp", name="ERP y redes sociales", kind="server", at=at)
    return Sources(web=web.id, server=server.id)


def _say(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in counts.items())
