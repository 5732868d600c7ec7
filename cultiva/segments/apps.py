from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    name = "cultiva.segments"
    label = "segments"
