-- Who of those who got a webinar came to a session, by address; who had no seat and came has one now.
-- Output: id of the registration, lead_id, email_key, minutes.
WITH came AS (
  SELECT * FROM unnest(%(addresses)s::text[], %(minutes)s::int[]) AS c(email_key, minutes)
), them AS (
  SELECT g.id AS grant_id, g.lead_id, c.email_key, c.minutes
    FROM came c
    JOIN lead l ON l.workspace_id = %(workspace)s AND l.email_key = c.email_key
    JOIN magnet_grant g ON g.workspace_id = l.workspace_id AND g.lead_id = l.id AND g.magnet = %(magnet)s
), noted AS (
  INSERT INTO webinar_registration AS r
    (workspace_id, session_id, grant_id, state, changed_at, attended_at, attended_minutes)
  SELECT %(workspace)s, %(session)s, grant_id, 'seated', %(at)s, %(at)s, minutes FROM them
  ON CONFLICT (workspace_id, session_id, grant_id) DO UPDATE
     SET state = 'seated', attended_at = excluded.attended_at,
         attended_minutes = coalesce(excluded.attended_minutes, r.attended_minutes)
  RETURNING r.id, r.grant_id, r.attended_minutes
)
SELECT noted.id, them.lead_id, them.email_key, noted.attended_minutes AS minutes
  FROM noted JOIN them USING (grant_id) ORDER BY noted.id
