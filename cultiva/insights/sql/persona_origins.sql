-- Where the closest %(most)s leads of a persona came from: the campaign of their first act that had one, else nothing;
-- and how they were taken in (source_kind). Output: kind (campaign | source), name, leads.
WITH theirs AS MATERIALIZED (
  SELECT p.lead_id, l.source_kind FROM lead_persona p
    JOIN lead l ON l.workspace_id = %(workspace)s AND l.id = p.lead_id
   WHERE p.workspace_id = %(workspace)s AND p.persona = %(persona)s
   ORDER BY p.closeness DESC, p.lead_id LIMIT %(most)s
), first AS (
  SELECT t.lead_id,
         (SELECT concat_ws(' / ', e.context #>> '{campaign,source}', e.context #>> '{campaign,medium}') FROM lead_event e
           WHERE e.workspace_id = %(workspace)s AND e.lead_id = t.lead_id
             AND e.context #>> '{campaign,source}' IS NOT NULL
           ORDER BY e.occurred_at, e.id LIMIT 1) AS campaign
    FROM theirs t
)
SELECT 'campaign' AS kind, coalesce(campaign, '') AS name, count(*) AS leads FROM first GROUP BY 2
 UNION ALL
SELECT 'source', source_kind, count(*) FROM theirs GROUP BY 2
 ORDER BY kind, leads DESC, name
