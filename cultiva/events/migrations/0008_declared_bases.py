from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0007_key_age"),
    ]

    operations = [
        migrations.AddField(
            model_name="eventsource",
            name="basis",
            field=models.CharField(blank=True, db_default="", default="", max_length=20),
        ),
        migrations.AddField(
            model_name="eventsource",
            name="basis_note",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
    ]
