from django.apps import AppConfig


class LifecycleConfig(AppConfig):
    name = "cultiva.lifecycle"
    label = "lifecycle"
