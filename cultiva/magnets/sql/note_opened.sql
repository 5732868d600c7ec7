-- The first time that each lead came to a magnet; events may come late, the earliest counts.
UPDATE magnet_grant g SET opened_at = e.at
  FROM (SELECT lead, magnet, min(at) AS at
          FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(lead bigint, magnet text, at timestamptz)
         GROUP BY lead, magnet) e
 WHERE g.workspace_id = %(workspace)s AND g.lead_id = e.lead AND g.magnet = e.magnet
   AND (g.opened_at IS NULL OR g.opened_at > e.at)
