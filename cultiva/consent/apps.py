from django.apps import AppConfig


class ConsentConfig(AppConfig):
    name = "cultiva.consent"
    label = "consent"
