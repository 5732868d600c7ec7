-- What these names need, and what that needs, to the end: each reference once, whatever the detours. Events of stages
-- come from the guards of a lifecycle.
-- Input: kinds and keys of the names. Output: kind, key, refers_kind, refers_key.
WITH RECURSIVE reference AS NOT MATERIALIZED (
  SELECT kind, key, refers_kind, refers_key FROM criteria_reference WHERE workspace_id = %(workspace)s
  UNION ALL
  SELECT 'event', 'stage', kind, key FROM criteria_reference
   WHERE workspace_id = %(workspace)s AND kind = 'lifecycle'
), beyond AS (
  SELECT r.kind, r.key, r.refers_kind, r.refers_key
    FROM unnest(%(kinds)s::text[], %(keys)s::text[]) AS w(kind, key)
    JOIN reference r ON r.kind = w.kind AND r.key = w.key
  UNION
  SELECT r.kind, r.key, r.refers_kind, r.refers_key
    FROM beyond b
    JOIN reference r ON r.kind = b.refers_kind AND r.key = b.refers_key
)
SELECT kind, key, refers_kind, refers_key FROM beyond ORDER BY kind, key, refers_kind, refers_key
