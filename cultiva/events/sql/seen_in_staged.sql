-- Steps `named`, `dayed` and `typed`, which stand before note_names, note_days and note_properties: what
-- record_staged.sql has just stored past the inbox, by the first and last of its ids. Others' ids may lie between; they
-- were not received at this microsecond.
seen AS MATERIALIZED (
  SELECT e.id, e.source_id, e.kind, left(e.name, %(length)s) AS name, e.received_at, e.properties FROM event e
   WHERE e.workspace_id = %(workspace)s AND e.id BETWEEN %(first)s AND %(last)s AND e.received_at = %(at)s
     AND NOT EXISTS (SELECT FROM event_inbox i WHERE i.workspace_id = %(workspace)s AND i.event_id = e.id)
), named AS (
  SELECT source_id, kind, name, count(*) AS n, min(received_at) AS first_at, max(received_at) AS last_at,
         min(id) AS first_id, max(id) AS last_id
    FROM seen GROUP BY 1, 2, 3
), dayed AS (
  SELECT source_id, kind, name, date_trunc('minute', received_at) AS received_at, count(*) AS n
    FROM seen GROUP BY 1, 2, 3, 4
), typed AS (
  SELECT source_id, kind, name, left(p.key, %(length)s) AS property, event_property_type(p.value) AS type,
         max(received_at) AS last_at, min(id) AS first_id
    FROM seen CROSS JOIN LATERAL jsonb_each(properties) p
   WHERE jsonb_typeof(p.value) <> 'null'
   GROUP BY 1, 2, 3, 4, 5
)
