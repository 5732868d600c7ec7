from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("capture", "0005_lean_references")]

    operations = [migrations.AddField("import", "language", models.CharField(max_length=5, default="en"))]
