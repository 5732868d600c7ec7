from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "cultiva.privacy"
    label = "privacy"
