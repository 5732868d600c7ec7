"""Building blocks of migrations: what every table of a workspace gets beside its columns.

Migrations run as `owner`. `app` (neither owner nor superuser, no BYPASSRLS) runs everything else and gets
exactly the rights named here.
"""

from django.db.migrations import RunSQL

APP = "cultiva_app"
CURRENT_WORKSPACE = "NULLIF(current_setting('cultiva.workspace', true), '')::bigint"
ALL = "SELECT, INSERT, UPDATE, DELETE"
APPEND = "SELECT, INSERT"


def workspace_table(table: str, *, grants: str = ALL, column: str = "workspace_id", key: str = "id") -> RunSQL:
    """Row-level security for a table of workspaces, the rights of `app`, and the key that references need.

    `key=""` leaves the (workspace, id) key out, where no other table refers to this one or it has its own.
    """
    unique = f"ALTER TABLE {table} ADD CONSTRAINT {table}_workspace_key UNIQUE ({column}, {key});"
    return RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        CREATE POLICY workspace ON {table} TO {APP}
          USING ({column} = {CURRENT_WORKSPACE}) WITH CHECK ({column} = {CURRENT_WORKSPACE});
        GRANT {grants} ON {table} TO {APP};
        {unique if key and column != key else ""}
        """,
        RunSQL.noop,
    )


def global_table(table: str, *, grants: str = ALL) -> RunSQL:
    """A table outside every workspace (users, sessions, the machinery)."""
    return RunSQL(f"GRANT {grants} ON {table} TO {APP};", RunSQL.noop)


def workspace_reference(table: str, column: str, target: str, *, on_delete: str = "NO ACTION") -> RunSQL:
    """A foreign key that cannot leave the workspace."""
    return RunSQL(
        f"""
        ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_in_workspace
          FOREIGN KEY (workspace_id, {column}) REFERENCES {target} (workspace_id, id)
          ON DELETE {on_delete} DEFERRABLE INITIALLY DEFERRED;
        """,
        RunSQL.noop,
    )


def drop_reference(table: str, column: str) -> RunSQL:
    """Take a reference of `workspace_reference` away: where the check costs more than it can find."""
    return RunSQL(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_in_workspace;", RunSQL.noop)


def definer_function(signature: str, body: str, *, returns: str, volatility: str = "STABLE") -> RunSQL:
    """A function that runs with the owner's rights: for look-ups before the workspace is known and for indexes
    that row-level security would hide. The search path is fixed and nobody but `app` may call it."""
    return RunSQL(
        f"""
        CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE sql {volatility} SECURITY DEFINER
          SET search_path = public, pg_temp AS $body$ {body} $body$;
        REVOKE ALL ON FUNCTION {signature} FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION {signature} TO {APP};
        """,
        RunSQL.noop,
    )
