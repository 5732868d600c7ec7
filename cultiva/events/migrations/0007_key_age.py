from django.db import migrations

# What files brought is remembered for good (infinity), by the million; only what is forgotten is looked for by its age.
AGE = """
DROP INDEX event_key_age;
CREATE INDEX event_key_age ON event_key (received_at) WHERE received_at < 'infinity';
"""
BEFORE = """
DROP INDEX event_key_age;
CREATE INDEX event_key_age ON event_key (received_at);
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0006_connectors")]

    operations = [migrations.RunSQL(AGE, BEFORE)]
