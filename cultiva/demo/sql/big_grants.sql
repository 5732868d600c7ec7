-- Everybody who came by the form got the guide.
INSERT INTO magnet_grant (workspace_id, lead_id, magnet, granted_at)
SELECT %(workspace)s, lead_id, %(magnet)s, created_at FROM big_person WHERE source_kind = 'form'
