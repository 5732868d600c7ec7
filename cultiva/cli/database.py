"""`cultiva migrate`."""

import click

from cultiva.cli.environment import product


@click.command()
def migrate() -> None:
    """Bring the database to this version's tables, as the owner role."""
    with product():
        migrate_database()


def migrate_database() -> None:
    from django.core.management import call_command
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('cultiva migrate'))")  # one at a time
        cursor.execute("SET lock_timeout = '10s'")
    call_command("migrate", database="owner", verbosity=0, interactive=False)
    connections["owner"].close()
