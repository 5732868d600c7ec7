-- The people of a big demo, oldest lead first: who they are, what they agreed to, how much they do.
-- Input: arrays of words (`*_folded`, `*_ascii` beside each), `sectors` repeated as often as they occur, `branches` beside
-- them; sizes_of and roles_of: a hundred numbers for each branch, as often as they occur there; `from_lead`.
CREATE TEMP TABLE big_person ON COMMIT DROP AS
WITH drawn AS MATERIALIZED (
  SELECT n, %(seed)s * 1000::bigint AS s,
         -- More each month; every minute of the last hour somebody.
         %(at)s::timestamptz - %(span)s::interval * (1 - power(n::float8 / %(leads)s, 0.7)) - interval '1 minute' AS created_at,
         -- Few companies have many of the people.
         1 + floor(%(companies)s * power(pg_temp.chance(n, %(seed)s * 1000 + 1), 1.6))::bigint AS c,
         1 + floor(pg_temp.chance(n, %(seed)s * 1000 + 2) * cardinality(%(firsts)s::text[]))::int AS f,
         1 + floor(pg_temp.chance(n, %(seed)s * 1000 + 3) * cardinality(%(lasts)s::text[]))::int AS l1,
         1 + floor(pg_temp.chance(n, %(seed)s * 1000 + 4) * cardinality(%(lasts)s::text[]))::int AS l2,
         1 + floor(pg_temp.chance(n, %(seed)s * 1000 + 5) * 100)::int AS r100
    FROM generate_series(1, %(leads)s::bigint) AS n
), employed AS MATERIALIZED (
  SELECT drawn.*,
         1 + floor(pg_temp.chance(c, s + 20) * cardinality(%(sectors)s::text[]))::int AS sector,
         1 + floor(pg_temp.chance(c, s + 21) * cardinality(%(places)s::text[]))::int AS place,
         1 + floor(pg_temp.chance(c, s + 22) * 100)::int AS s100,
         1 + floor(exp(1 + 4 * pg_temp.chance(c, s + 23)))::int AS hectares
    FROM drawn
), placed AS MATERIALIZED (
  SELECT employed.*, b AS branch, (%(sizes_of)s::int[])[b][s100] AS size, (%(roles_of)s::int[])[b][r100] AS r
    FROM employed CROSS JOIN LATERAL (SELECT (%(branches)s::int[])[sector] AS b) AS branch
), known AS MATERIALIZED (
  -- As in people.kind_of: 1 manager, 2 technician, 3 owner of dry land, 4 student.
  SELECT placed.*, CASE WHEN branch = %(study)s THEN 4 WHEN r = ANY (%(technicians)s::int[]) THEN 2
                        WHEN branch = %(dry)s THEN 3 ELSE 1 END AS kind
    FROM placed
)
SELECT n, %(from_lead)s::bigint + n - 1 AS lead_id, created_at,
       (%(firsts)s::text[])[f] AS first_name, (%(lasts)s::text[])[l1] || ' ' || (%(lasts)s::text[])[l2] AS last_name,
       (%(firsts_ascii)s::text[])[f] || '.' || (%(lasts_ascii)s::text[])[l1] || n || '@'
         || (%(places_ascii)s::text[])[place] || c || '.example' AS email,
       (%(names)s::text[])[sector] || ' ' || (%(places)s::text[])[place] || ' ' || c AS company,
       (%(firsts_folded)s::text[])[f] AS first_folded,
       (%(lasts_folded)s::text[])[l1] || ' ' || (%(lasts_folded)s::text[])[l2] AS last_folded,
       (%(names_folded)s::text[])[sector] || ' ' || (%(places_folded)s::text[])[place] || ' ' || c AS company_folded,
       (%(roles)s::text[])[r] AS job_title, (%(roles_folded)s::text[])[r] AS job_folded,
       (%(sizes)s::text[])[size] AS employees,
       (%(sectors)s::text[])[sector] AS sector, (%(sectors_folded)s::text[])[sector] AS sector_folded,
       (%(provinces)s::text[])[sector] AS province, (%(provinces_folded)s::text[])[sector] AS province_folded,
       hectares,
       pg_temp.chance(n, s + 6) < 0.98 AS is_valid,
       pg_temp.chance(n, s + 6) < 0.98 AND pg_temp.chance(n, s + 7) < 0.55 AS wants_mail,
       pg_temp.chance(n, s + 6) < 0.98 AND pg_temp.chance(n, s + 8) < 0.10 AS wants_calls,
       CASE WHEN pg_temp.chance(n, s + 6) < 0.98 AND pg_temp.chance(n, s + 7) < 0.55 AND pg_temp.chance(n, s + 9) < 0.8
         THEN least(created_at + interval '1 day' * power(pg_temp.chance(n, s + 10), 4), %(at)s) END AS confirmed_at,
       CASE WHEN pg_temp.chance(n, s + 11) < 0.92 THEN 'form' ELSE 'manual' END AS source_kind,
       CASE WHEN pg_temp.chance(n, s + 12) < 0.75
         THEN md5('browser ' || %(workspace)s || ' ' || s || ' ' || n)::uuid END AS visitor,
       -- Pareto: most look at a few pages, a few at hundreds.
       least(floor(2.6 * power(greatest(pg_temp.chance(n, s + 13), 1e-9), -0.6)), 400)::int AS pages,
       kind,
       pg_temp.chance(n, s + 14) * (ARRAY[0.5, 1, 1, 100])[kind]
         * CASE WHEN (%(sizes)s::text[])[size] IN ('10-49', '50-249') THEN 0.5 ELSE 1 END < 0.02 AS buys
  FROM known
