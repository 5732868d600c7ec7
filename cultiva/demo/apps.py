from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "cultiva.demo"
    label = "demo"
