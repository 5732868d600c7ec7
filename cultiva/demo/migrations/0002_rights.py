from django.db import migrations

from cultiva.lib.tables import workspace_table


class Migration(migrations.Migration):
    dependencies = [("demo", "0001_initial"), ("accounts", "0002_rights")]

    operations = [workspace_table("live_source", key="")]
