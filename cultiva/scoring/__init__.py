"""Scoring, and its face for programs: `from cultiva.scoring import read_model, score_frames`.

What stands in `__all__` needs no server and no database; Django is set up when one of them is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cultiva.criteria.offline import Files
    from cultiva.criteria.personas import read_personas
    from cultiva.scoring.offline import read_model, score_files, score_frames
    from cultiva.scoring.rehearsal.offline import rehearse_files
    from cultiva.scoring.spark import score_on_spark

__all__ = [
    "Files", "read_model", "read_personas", "rehearse_files", "score_files", "score_frames", "score_on_spark",
]  # fmt: skip

HOMES = {
    "Files": "cultiva.criteria.offline",
    "read_model": "cultiva.scoring.offline",
    "read_personas": "cultiva.criteria.personas",
    "rehearse_files": "cultiva.scoring.rehearsal.offline",
    "score_files": "cultiva.scoring.offline",
    "score_frames": "cultiva.scoring.offline",
    "score_on_spark": "cultiva.scoring.spark",
    "score_part": "cultiva.scoring.spark",  # for workers of a cluster
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import os
    from importlib import import_module

    import django
    from django.apps import apps

    if not apps.ready:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cultiva.settings")
        django.setup()
    return getattr(import_module(HOMES[name]), name)
