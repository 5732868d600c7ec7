-- Empty what the ledger tells of a person (function of privacy.0002: the application itself cannot change events).
SELECT erase_events(%(leads)s::bigint[], %(visitors)s::uuid[], %(named)s::text[]) AS events
