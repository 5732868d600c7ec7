-- Which of the new events let a lead into a workflow: each event's numbers of entries that it matches.
-- `nurture.actions` fills the array, one CASE an entry.
-- An event occurs at most a minute after its receipt (CHECK): `earliest` prunes older partitions.
SELECT e.id, array_remove(ARRAY[NULL::int], NULL) AS entries
  FROM event e
 WHERE e.workspace_id = %(workspace)s AND e.id = ANY (%(events)s)
   AND e.received_at >= %(earliest)s::timestamptz - interval '1 minute'
 ORDER BY e.id
