-- One worker takes a recurring job's turn; a row comes back only for that one.
INSERT INTO periodic_run (name, began_at) VALUES (%(name)s, %(now)s)
ON CONFLICT (name) DO UPDATE SET began_at = excluded.began_at WHERE periodic_run.began_at <= %(since)s
RETURNING name
