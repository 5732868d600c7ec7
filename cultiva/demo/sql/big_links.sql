-- The browsers of those who accepted tracking.
INSERT INTO visitor_link (workspace_id, visitor, lead_id, linked_at)
SELECT %(workspace)s, visitor, lead_id, created_at FROM big_person WHERE visitor IS NOT NULL
