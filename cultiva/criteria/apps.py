from django.apps import AppConfig


class CriteriaConfig(AppConfig):
    name = "cultiva.criteria"
    label = "criteria"
