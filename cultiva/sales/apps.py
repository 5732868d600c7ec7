from django.apps import AppConfig


class SalesConfig(AppConfig):
    name = "cultiva.sales"
    label = "sales"
