from django.db import migrations

from cultiva.lib.tables import APP, CURRENT_WORKSPACE

# The trigram index serves `LIKE` with a pattern known when the statement is planned, not `LIKE ALL` over an array.
# Bitmap scans alone: with LIMIT the planner would rather read the table and hope to find enough soon.
SEARCH = f"""
CREATE FUNCTION lead_search_some(words text[], most integer) RETURNS SETOF bigint LANGUAGE plpgsql STABLE
  SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off SET enable_indexscan = off
  SET enable_indexonlyscan = off AS $body$
BEGIN
  RETURN QUERY EXECUTE
    'SELECT id FROM lead WHERE workspace_id = {CURRENT_WORKSPACE.replace("'", "''")} AND '
    || (SELECT string_agg(format('search_text LIKE %L', word), ' AND ') FROM unnest(words) AS word)
    || ' LIMIT $1' USING most;
END $body$;
REVOKE ALL ON FUNCTION lead_search_some(text[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lead_search_some(text[], integer) TO {APP};
"""

# Stage and temperature go together: without this the planner multiplies their shares and reads the whole list for the
# few disqualified leads that are hot.
BANDS = """
CREATE INDEX lead_state_bands ON lead_state (workspace_id, temperature, stage);
CREATE STATISTICS lead_state_kinds (mcv) ON workspace_id, stage, temperature FROM lead_state;
"""


class Migration(migrations.Migration):
    dependencies = [("leads", "0008_commerce")]

    operations = [
        migrations.RunSQL(SEARCH, migrations.RunSQL.noop),
        migrations.RunSQL(BANDS, migrations.RunSQL.noop),
    ]
