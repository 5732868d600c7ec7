"""`cultiva score explain`: the points of a lead with their rules and events, now or at any past instant."""

import json
from datetime import UTC, datetime
from typing import Any

import click

from cultiva.cli.accounts import named_workspace, of_workspace
from cultiva.cli.environment import product, say


@click.command()
@click.argument("lead", type=int)
@of_workspace
@click.option(
    "--at", "asked", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="As of then, UTC; now without."
)
@click.option("--model", "key", default="", help="A model's key; the primary one without.")
@click.option("--language", type=click.Choice(["en", "es"]), default="en", help="Of the words.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
def explain(lead: int, workspace: str, asked: datetime | None, key: str, language: str, is_json: bool) -> None:
    """Every point of a lead's score, what changes next, and what would bring the lead into the next band."""
    with product():
        from django.utils import translation

        from cultiva.lib import clock
        from cultiva.lib.database import workspace_scope
        from cultiva.scoring.actions import primary_model
        from cultiva.scoring.models import ModelVersion
        from cultiva.scoring.outlook import explain_fully

        place = named_workspace(workspace)
        at = asked.replace(tzinfo=UTC) if asked else clock.now()
        if at > clock.now():
            raise ValueError(f"{at.isoformat()} has not come yet.\nhint: leave --at out for now")
        with workspace_scope(place.id), translation.override(language):
            model = ModelVersion.current(place.id, key) if key else primary_model(place.id)
            if model is None:
                raise ValueError(f"No model {key!r} is published.\nhint: leave --model out, or publish one")
            found = explain_fully(workspace_id=place.id, lead_id=lead, model=model, at=at)
            said = _said(*found) if found else {"total": None}
    if is_json:
        say(json.dumps({"lead": lead, "model": model.key, "at": at.isoformat(), **said}, ensure_ascii=False))
    else:
        _tell(said)


def _said(found: Any, outlook: Any) -> dict[str, Any]:
    from cultiva.lib.languages import reader_language
    from cultiva.scoring.explanation import displayed
    from cultiva.scoring.reasons import cuts_of, said_changes, said_proposals

    shown = displayed(found)
    return {
        "total": float(shown.total),
        "rules": [
            {
                "rule": rule.key,
                "words": rule.words[reader_language()],
                "points": float(shown.rules[rule.key]),
                "events": [
                    {"id": e.id, "name": e.name, "occurred_at": e.occurred_at.isoformat(), "weight": e.weight}
                    for e in rule.events
                ],
            }
            for rule in found.rules
        ],
        "cuts": [{"words": words, "points": float(points)} for words, points in cuts_of(shown)],
        "changes": [
            {"at": e.at.isoformat(), "words": e.words, "points": float(e.points), "total": float(e.total)}
            for e in said_changes(outlook)
        ],
        "next_band": outlook.band,
        "proposals": [
            {"words": e.words, "gain": float(e.gain), "total": float(e.total), "reaches": e.reaches}
            for e in said_proposals(found, outlook)
        ],
    }


def _tell(said: dict[str, Any]) -> None:
    if said["total"] is None:
        say("No score: the lead was not valid then, or objected to profiling. That is not 0.")
        return
    say(f"{said['total']:g} points")
    for each in (*said["rules"], *said["cuts"]):
        if each["points"]:
            say(f"{each['points']:+g}  {each['words']}")
    for each in said["changes"]:
        say(f"on {each['at'][:10]} {each['points']:+g}, then {each['total']:g}: {each['words']}")
    for each in said["proposals"]:
        aim = said["next_band"] if each["reaches"] else "not enough alone"
        say(f"for {aim} {each['gain']:+g}, then {each['total']:g}: {each['words']}")
