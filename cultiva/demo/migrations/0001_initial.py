import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="LiveSource",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("is_on", models.BooleanField()),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "db_table": "live_source",
                "constraints": [models.UniqueConstraint(fields=["workspace"], name="one_live_source")],
            },
        ),
    ]
