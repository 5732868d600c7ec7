from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("leads", "0010_lean_indexes")]

    operations = [
        migrations.AddField(model_name="attribute", name="read_after", field=models.BigIntegerField(null=True)),
        migrations.AddField(
            model_name="attribute", name="read_count", field=models.IntegerField(db_default=0, default=0)
        ),
        migrations.AddIndex(
            model_name="attribute",
            index=models.Index(
                condition=models.Q(("read_after__isnull", False)), fields=["workspace"], name="attribute_being_read"
            ),
        ),
    ]
