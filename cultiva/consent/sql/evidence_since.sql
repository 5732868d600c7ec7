-- How far the next seal looks: the last evidence of the next ones, and how many they are.
SELECT count(*)::int AS acts, max(id) AS upto
  FROM (SELECT id FROM consent_evidence WHERE workspace_id = %(workspace)s AND id > %(since)s
         ORDER BY id LIMIT %(most)s) next
