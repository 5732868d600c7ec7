-- Keep a webhook as it came; the same body again changes nothing, and says so by touching no row.
INSERT INTO connector_delivery (workspace_id, source_id, delivery_id, topic, outcome, digest, body, received_at)
VALUES (%(workspace)s, %(source)s, %(delivery_id)s, %(topic)s, %(outcome)s, %(digest)s, %(body)s, %(at)s)
ON CONFLICT (workspace_id, source_id, digest) DO NOTHING
