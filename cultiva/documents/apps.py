from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "cultiva.documents"
    label = "documents"
