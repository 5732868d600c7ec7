from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "cultiva.accounts"
    label = "accounts"
