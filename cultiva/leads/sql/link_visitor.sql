-- A visitor already linked stays linked: a second person on the same browser does not take the first one's past.
INSERT INTO visitor_link (workspace_id, visitor, lead_id, linked_at)
VALUES (%(workspace)s, %(visitor)s, %(lead)s, %(at)s)
ON CONFLICT (workspace_id, visitor) DO NOTHING
