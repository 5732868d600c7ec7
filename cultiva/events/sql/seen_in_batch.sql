-- Steps `named`, `dayed` and `typed`, which stand before note_names, note_days and note_properties: the events of a
-- batch, added up already. Input: %(named)s, %(dayed)s and %(typed)s, JSON arrays.
named AS (
  SELECT * FROM jsonb_to_recordset(%(named)s::jsonb) AS row(
    source_id bigint, kind text, name text, n bigint, first_at timestamptz, last_at timestamptz, first_id bigint,
    last_id bigint)
), dayed AS (
  SELECT * FROM jsonb_to_recordset(%(dayed)s::jsonb) AS row(
    source_id bigint, kind text, name text, received_at timestamptz, n bigint)
), typed AS (
  SELECT * FROM jsonb_to_recordset(%(typed)s::jsonb) AS row(
    source_id bigint, kind text, name text, property text, type text, last_at timestamptz, first_id bigint)
)
