from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "cultiva.events"
    label = "events"
