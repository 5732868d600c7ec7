-- All that one person goes by: the leads they are and were, addresses, telephones, names, and visitors.
--  * Visitors are those that were linked, those that said one of the addresses or ids, and those known to be the same.
--  * Names are any first with any last name that was ever told: a merge, or the person, may have changed one.
WITH RECURSIVE theirs AS (
  SELECT l.* FROM lead l
   WHERE l.workspace_id = %(workspace)s
     AND (l.id = %(lead)s OR l.id IN (SELECT merged_id FROM lead_alias
                                       WHERE workspace_id = %(workspace)s AND lead_id = %(lead)s))
), address AS (
  SELECT email AS text FROM theirs UNION SELECT email_key FROM theirs
   UNION SELECT a.email_key FROM lead_address a JOIN theirs t ON t.id = a.lead_id WHERE a.workspace_id = %(workspace)s
   UNION SELECT attributes ->> 'email' FROM theirs
), seed AS (
  SELECT v.visitor FROM visitor_link v JOIN theirs t ON t.id = v.lead_id WHERE v.workspace_id = %(workspace)s
   UNION
  SELECT c.visitor FROM visitor_claim c
   WHERE c.workspace_id = %(workspace)s
     AND (c.email_key IN (SELECT text FROM address)
          OR c.user_id IN (SELECT external_id FROM theirs WHERE external_id IS NOT NULL))
), visitor AS (
  SELECT visitor FROM seed
   UNION
  SELECT CASE WHEN c.visitor = v.visitor THEN c.same_as ELSE c.visitor END
    FROM visitor v JOIN visitor_claim c
      ON c.workspace_id = %(workspace)s AND c.same_as IS NOT NULL AND v.visitor IN (c.visitor, c.same_as)
), told AS (
  SELECT attributes AS facts FROM theirs
   UNION ALL
  SELECT properties FROM event
   WHERE workspace_id = %(workspace)s AND kind = 'identify' AND lead_id IN (SELECT id FROM theirs)
), named AS (
  SELECT DISTINCT key, trim(facts ->> key) AS name FROM told, unnest(ARRAY['first_name', 'last_name']) AS key
   WHERE trim(facts ->> key) <> ''
)
SELECT coalesce((SELECT array_agg(id ORDER BY id) FROM theirs), '{}') AS leads,
       coalesce((SELECT array_agg(DISTINCT visitor) FROM visitor), '{}') AS visitors,
       coalesce((SELECT array_agg(DISTINCT text) FROM address WHERE text <> ''), '{}') AS addresses,
       coalesce((SELECT array_agg(DISTINCT phone_key::text) FROM theirs WHERE phone_key IS NOT NULL), '{}') AS phones,
       coalesce((SELECT array_agg(DISTINCT first.name || ' ' || last.name)
                   FROM named first JOIN named last ON first.key = 'first_name' AND last.key = 'last_name'), '{}') AS names
