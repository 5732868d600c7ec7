from django.apps import AppConfig


class MailingConfig(AppConfig):
    name = "cultiva.mailing"
    label = "mailing"
