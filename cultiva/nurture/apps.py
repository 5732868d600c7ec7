from django.apps import AppConfig


class NurtureConfig(AppConfig):
    name = "cultiva.nurture"
    label = "nurture"
