"""Scores are computed: points of two leads are never added up."""

from cultiva.lib.holds import Hold, drop

HOLDS = [Hold("score", "lead_id", drop, "figure")]
