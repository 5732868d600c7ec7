-- The last word of staff on each event decides.
INSERT INTO machine_event (workspace_id, event_id, by, marked_at)
SELECT %(workspace)s, said.event_id, said.by, said.occurred_at
  FROM (SELECT DISTINCT ON (properties ->> 'event') (properties ->> 'event')::bigint AS event_id,
               properties ->> 'by' AS by, occurred_at, name
          FROM event
         WHERE workspace_id = %(workspace)s AND kind = 'staff' AND name IN (%(marked)s, %(unmarked)s)
         ORDER BY properties ->> 'event', occurred_at DESC, id DESC) said
 WHERE said.name = %(marked)s
