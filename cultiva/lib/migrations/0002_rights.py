from django.db import migrations

from cultiva.lib.tables import APP, global_table

# With one login (DATABASE_URL alone) the owner makes the application's role and assumes it at run time.
MAKE_ROLE = f"""
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP}') THEN
    CREATE ROLE {APP} NOLOGIN NOSUPERUSER NOBYPASSRLS;
    EXECUTE format('GRANT {APP} TO %I', current_user);
  END IF;
END $$;
GRANT USAGE ON SCHEMA public TO {APP};
"""


class Migration(migrations.Migration):
    dependencies = [("lib", "0001_initial")]

    operations = [
        migrations.RunSQL(MAKE_ROLE, migrations.RunSQL.noop),
        global_table("clock_offset", grants="SELECT, UPDATE"),
        migrations.RunSQL("INSERT INTO clock_offset (id, seconds) VALUES (1, 0)", migrations.RunSQL.noop),
        global_table("periodic_run"),
    ]
