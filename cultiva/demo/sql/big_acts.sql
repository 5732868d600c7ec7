-- Everything that happened, narrow and in no order: when, what (a row of `big_saying`), who.
CREATE TEMP TABLE big_act ON COMMIT DROP AS
-- Pages: before they told who they are and long after it; interest fades, so most come early.
SELECT least(p.created_at - interval '2 days'
             + (%(at)s::timestamptz - p.created_at + interval '2 days') * power(pg_temp.chance(p.n * 512 + k, %(seed)s), 2.5),
             %(at)s::timestamptz - interval '1 second') AS at,
       ((%(pages)s::int[])[p.kind][1 + floor(pg_temp.chance(p.n * 512 + k, %(seed)s + 1) * 50)::int]) AS saying,
       NULL::bigint AS lead_id, p.visitor, 0::bigint AS ref
  FROM big_person p CROSS JOIN LATERAL generate_series(1, p.pages) AS k
 WHERE p.visitor IS NOT NULL
UNION ALL
-- What they do otherwise: none, one or several times.
SELECT p.created_at + (%(at)s::timestamptz - p.created_at) * power(pg_temp.chance(p.n * 512 + k, %(seed)s + 2), 2),
       act.saying, p.lead_id, NULL, 0
  FROM big_person p
 CROSS JOIN LATERAL (VALUES
   (%(download)s, CASE WHEN p.source_kind = 'form' AND pg_temp.chance(p.n, %(seed)s + 50) < 0.65 THEN 1 ELSE 0 END),
   (%(clicked)s, CASE WHEN p.wants_mail THEN floor(3 * power(pg_temp.chance(p.n, %(seed)s + 51), 2.5))::int ELSE 0 END),
   (%(social)s, floor(2.2 * power(pg_temp.chance(p.n, %(seed)s + 52), 6))::int),
   (%(quote)s, CASE WHEN p.buys OR pg_temp.chance(p.n, %(seed)s + 53) < 0.03 THEN 1 ELSE 0 END),
   (%(service)s, CASE WHEN p.buys AND pg_temp.chance(p.n, %(seed)s + 54) < 0.3 THEN 1 ELSE 0 END)
 ) AS act(saying, times)
 CROSS JOIN LATERAL generate_series(1 + act.saying * 16, act.times + act.saying * 16) AS k
UNION ALL
SELECT created_at, %(identify)s, lead_id, NULL, lead_id FROM big_person
UNION ALL
SELECT created_at, saying, lead_id, NULL, 0 FROM big_person CROSS JOIN (VALUES (%(form)s), (%(granted)s)) AS act(saying)
 WHERE source_kind = 'form'
UNION ALL
SELECT at, CASE WHEN act = 'policy_accepted' THEN %(accepted)s WHEN act = 'confirmed' THEN %(confirmed)s
                WHEN purpose = %(mail)s THEN %(mail_given)s ELSE %(calls_given)s END, lead_id, NULL, id
  FROM big_evidence
UNION ALL
-- A purchase is told twice: by the name the rules know, and as an order.
SELECT least(created_at + (%(at)s::timestamptz - created_at) * pg_temp.chance(n, %(seed)s + 60),
             %(at)s::timestamptz - interval '1 second'), saying, lead_id, NULL,
       200 + floor(exp(9 * power(pg_temp.chance(n, %(seed)s + 61), 2)))::bigint
  FROM big_person CROSS JOIN (VALUES (%(purchase)s), (%(order)s)) AS act(saying) WHERE buys
