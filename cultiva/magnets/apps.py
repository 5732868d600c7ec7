from django.apps import AppConfig


class MagnetsConfig(AppConfig):
    name = "cultiva.magnets"
    label = "magnets"
