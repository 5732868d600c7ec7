from django.db import migrations

from cultiva.lib.tables import definer_function, workspace_table

# Only a table's owner may analyse it, and autovacuum sees nothing of a transaction that is still open: without
# statistics of its own the fill was five times slower (it also leaves them for the first page that is opened).
TABLES = (
    "lead, lead_state, visitor_link, consent_mark, consent_state, consent_evidence, submission, magnet_grant, enrolment, "
    "outbox, event, event_key, score, stage_change, hand_over"
)


class Migration(migrations.Migration):
    dependencies = [
        ("demo", "0001_initial"),
        ("accounts", "0002_rights"),
        ("nurture", "0002_rights"),
        ("sales", "0002_rights"),
        ("capture", "0002_rights"),
        ("mailing", "0002_rights"),
        ("scoring", "0002_rights"),
        ("magnets", "0002_rights"),
    ]

    operations = [
        workspace_table("live_source", key=""),
        definer_function("analyze_history()", f"ANALYZE {TABLES}", returns="void", volatility="VOLATILE"),
    ]
