-- What a rehearsal remembers; nobody else sees it.
CREATE TEMPORARY TABLE rehearsed_lead (
  id bigint PRIMARY KEY, email_key text UNIQUE, external_id text UNIQUE, phone_key text);
CREATE INDEX ON rehearsed_lead (phone_key)
