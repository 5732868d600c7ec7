from django.apps import AppConfig


class PublicConfig(AppConfig):
    name = "cultiva.public"
    label = "public"
