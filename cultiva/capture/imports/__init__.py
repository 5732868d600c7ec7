"""Bringing leads and events in from files: read, map, rehearse, run, undo."""
