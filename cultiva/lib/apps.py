from django.apps import AppConfig


class LibConfig(AppConfig):
    name = "cultiva.lib"
    label = "lib"
