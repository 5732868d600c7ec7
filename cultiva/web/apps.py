from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "cultiva.web"
    label = "web"
