from django.apps import AppConfig


class ScoringConfig(AppConfig):
    name = "cultiva.scoring"
    label = "scoring"
