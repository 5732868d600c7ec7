-- The leads of whom `judged` does not know the answer; what stands there of them is taken out.
WITH unknown AS (SELECT lead_id FROM pg_temp.judged WHERE is_unknown LIMIT %(limit)s)
DELETE FROM pg_temp.judged j USING unknown u WHERE j.lead_id = u.lead_id
RETURNING j.lead_id
