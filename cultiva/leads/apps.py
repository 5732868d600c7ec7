from django.apps import AppConfig


class LeadsConfig(AppConfig):
    name = "cultiva.leads"
    label = "leads"
