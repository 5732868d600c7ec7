from django.db import migrations

from cultiva.lib.tables import APPEND, definer_function, global_table, workspace_table


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("lib", "0002_rights"),
        ("sessions", "0001_initial"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        workspace_table("workspace", grants="SELECT, UPDATE", column="id"),
        workspace_table("membership", key=""),
        workspace_table("audit_entry", grants=APPEND, key=""),
        global_table("staff_user", grants="SELECT, INSERT, UPDATE"),
        global_table("sign_in_link"),
        global_table("sign_in_attempt"),
        global_table("django_session"),
        global_table("django_content_type", grants="SELECT"),
        global_table("django_migrations", grants="SELECT"),
        # Before the workspace is known: these look-ups, and no others, see across workspaces.
        definer_function(
            "workspace_by_slug(wanted text)", "SELECT * FROM workspace WHERE slug = wanted", returns="SETOF workspace"
        ),
        definer_function(
            "workspaces_of_user(wanted bigint)",
            "SELECT w.id, w.slug::text, w.name::text, m.role::text FROM membership m JOIN workspace w ON w.id = m.workspace_id"
            " WHERE m.user_id = wanted ORDER BY w.name, w.id",
            returns="TABLE (id bigint, slug text, name text, role text)",
        ),
        definer_function("workspace_ids()", "SELECT id FROM workspace ORDER BY id", returns="SETOF bigint"),
        definer_function(
            "workspace_create(slug text, name text, language text, time_zone text, at timestamptz)",
            "INSERT INTO workspace (slug, name, language, time_zone, created_at)"
            " VALUES (slug, name, language, time_zone, at) RETURNING id",
            returns="bigint",
            volatility="VOLATILE",
        ),
    ]
