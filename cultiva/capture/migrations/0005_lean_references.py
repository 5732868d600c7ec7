from django.db import migrations, models

from cultiva.lib.tables import drop_reference


class Migration(migrations.Migration):
    dependencies = [("capture", "0004_lean_indexes")]

    operations = [
        drop_reference("import_change", "run_id"),
        migrations.RemoveField("import", "ahead"),
        migrations.AddField("import", "lanes", models.JSONField(default=list)),
    ]
