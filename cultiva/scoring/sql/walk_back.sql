-- The latest instants between two (both excluded) of each lead, latest first, at which their score may have changed:
-- what models ask for happened, or they told us something; a window ended after it; a local day began; a version of the
-- model came into force. `zones`: those whose days count, none where no day changes anything. `offsets` are the lengths of windows, 0 among them, and `longest` the greatest.
SELECT a.lead_id, x.at
  FROM jsonb_to_recordset(%(asked)s::jsonb) AS a(lead_id bigint, since timestamptz, before timestamptz)
  CROSS JOIN LATERAL (
    SELECT DISTINCT i.at
      FROM (SELECT e.occurred_at + o.later AS at
              FROM (SELECT e.occurred_at FROM lead_event e
                     WHERE e.workspace_id = %(workspace)s AND e.lead_id = a.lead_id AND e.actor <> 'machine'
                       AND e.occurred_at < a.before AND e.occurred_at > a.since - %(longest)s::interval
                       AND e.received_at > a.since - %(longest)s::interval - interval '1 minute'
                       AND (e.kind IN ('identify', 'consent') OR e.kind = ANY (%(acts)s::text[])
                            OR CASE e.kind WHEN 'track' THEN e.name ELSE e.kind END = ANY (%(names)s::text[]))
                    OFFSET 0) e
             CROSS JOIN unnest(%(offsets)s::interval[]) AS o(later)
            UNION ALL
            SELECT day::timestamp AT TIME ZONE z.name
              FROM unnest(%(zones)s::text[]) AS z(name)
              CROSS JOIN generate_series((a.since AT TIME ZONE z.name)::date, (a.before AT TIME ZONE z.name)::date,
                                         interval '1 day') AS day
            UNION ALL
            SELECT version.at FROM unnest(%(publications)s::timestamptz[]) AS version(at)) i
     WHERE i.at > a.since AND i.at < a.before
     ORDER BY i.at DESC LIMIT %(limit)s) x
 ORDER BY a.lead_id, x.at DESC
