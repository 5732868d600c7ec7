-- What a document refers to; again changes nothing.
INSERT INTO criteria_reference (workspace_id, kind, key, refers_kind, refers_key)
SELECT %(workspace)s, %(kind)s, %(key)s, w.kind, w.key
  FROM unnest(%(kinds)s::text[], %(keys)s::text[]) AS w(kind, key)
ON CONFLICT DO NOTHING
