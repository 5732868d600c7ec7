-- Whoever changes a segment in a transaction of its own is done, and nobody begins until the end of this one.
SELECT pg_advisory_xact_lock_shared(hashtextextended('segments', %(workspace)s))
