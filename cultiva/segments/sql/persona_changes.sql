-- The changes of a lead's main persona, newest first. Output: at, persona, before, closeness, confidence,
-- is_by_definition.
SELECT e.occurred_at AS at, e.properties ->> 'persona' AS persona, e.properties ->> 'from' AS before,
       (e.properties ->> 'closeness')::float8 AS closeness, (e.properties ->> 'confidence')::float8 AS confidence,
       coalesce(e.properties ->> 'cause' = 'definition', false) AS is_by_definition
  FROM event e
 WHERE e.workspace_id = %(workspace)s AND e.lead_id = %(lead)s AND e.kind = 'segment' AND e.name = 'persona_changed'
 ORDER BY e.occurred_at DESC, e.id DESC LIMIT %(limit)s
