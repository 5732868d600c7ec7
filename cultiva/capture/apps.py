from django.apps import AppConfig


class CaptureConfig(AppConfig):
    name = "cultiva.capture"
    label = "capture"
