from django.apps import AppConfig


class BulkConfig(AppConfig):
    name = "cultiva.bulk"
    label = "bulk"
