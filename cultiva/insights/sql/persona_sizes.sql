-- How many leads have each persona as their main one, how sure that is on average, and how many may have one.
SELECT p.persona, count(*) AS leads, avg(p.confidence) AS confidence FROM lead_persona p
 WHERE p.workspace_id = %(workspace)s AND p.persona IS NOT NULL
 GROUP BY p.persona ORDER BY p.persona
