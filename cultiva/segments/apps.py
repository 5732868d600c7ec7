from importlib import import_module

from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    name = "cultiva.segments"
    label = "segments"

    def import_models(self) -> None:
        """Of personas as well, which are a part of this room with tables of their own."""
        super().import_models()
        import_module("cultiva.segments.persona_models")
