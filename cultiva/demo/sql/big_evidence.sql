-- What they agreed to, in chains that verify: the same texts and hashes as consent/evidence.py makes, as one statement.
-- Input: `templates`, the canonical JSON of each act's payload with @IP, @SESSION, @AT and @BORN left open.
-- Each lead's acts in order: the policy (1), mail (2), calls (3), the confirmation of the address (4). An act that
-- there was not has no payload (p), no digest (d), and hands the hash (h) before it on. OFFSET 0: computed once.
CREATE TEMP TABLE big_evidence ON COMMIT DROP AS
SELECT row_number() OVER () + %(from_evidence)s::bigint - 1 AS id, w.lead_id, a.ordinal, a.act, a.purpose, a.channel,
       a.at, a.salt, a.payload, a.digest, a.previous, a.hash
  FROM (
    SELECT *, CASE WHEN d4 IS NULL THEN h3 ELSE encode(sha256(convert_to(h3 || s4 || d4, 'UTF8')), 'hex') END AS h4 FROM (
    SELECT *, CASE WHEN d3 IS NULL THEN h2 ELSE encode(sha256(convert_to(h2 || s3 || d3, 'UTF8')), 'hex') END AS h3 FROM (
    SELECT *, CASE WHEN d2 IS NULL THEN h1 ELSE encode(sha256(convert_to(h1 || s2 || d2, 'UTF8')), 'hex') END AS h2 FROM (
    SELECT *, encode(sha256(convert_to(repeat('0', 64) || s1 || d1, 'UTF8')), 'hex') AS h1 FROM (
      SELECT *, encode(sha256(decode(salt1, 'hex') || convert_to(p1, 'UTF8')), 'hex') AS d1,
             encode(sha256(decode(salt2, 'hex') || convert_to(p2, 'UTF8')), 'hex') AS d2,
             encode(sha256(decode(salt3, 'hex') || convert_to(p3, 'UTF8')), 'hex') AS d3,
             encode(sha256(decode(salt4, 'hex') || convert_to(p4, 'UTF8')), 'hex') AS d4,
             '{"act":"policy_accepted","channel":"","lead":' || lead_id || ',"occurred_at":"' || born || '","ordinal":1'
               || ',"purpose":"","workspace":' || %(workspace)s || '}' AS s1,
             '{"act":"given","channel":"email","lead":' || lead_id || ',"occurred_at":"' || born || '","ordinal":' || o2
               || ',"purpose":"' || %(mail)s || '","workspace":' || %(workspace)s || '}' AS s2,
             '{"act":"given","channel":"' || %(calls_channel)s || '","lead":' || lead_id || ',"occurred_at":"' || born
               || '","ordinal":' || o3 || ',"purpose":"' || %(calls)s || '","workspace":' || %(workspace)s || '}' AS s3,
             '{"act":"confirmed","channel":"","lead":' || lead_id || ',"occurred_at":"'
               || to_char(confirmed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00","ordinal":' || o4
               || ',"purpose":"","workspace":' || %(workspace)s || '}' AS s4
        FROM (
          SELECT *, substr(salts, 1, 32) AS salt1, substr(salts, 33, 32) AS salt2, reverse(substr(salts, 1, 32)) AS salt3,
                 reverse(substr(salts, 33, 32)) AS salt4, 1 + wants_mail::int AS o2,
                 1 + wants_mail::int + wants_calls::int AS o3, 2 + wants_mail::int + wants_calls::int AS o4,
                 replace(replace(replace((%(templates)s::text[])[1], '@IP', ip), '@SESSION', salts), '@AT', brief) AS p1,
                 CASE WHEN wants_mail THEN
                   replace(replace(replace((%(templates)s::text[])[2], '@IP', ip), '@SESSION', salts), '@AT', brief) END AS p2,
                 CASE WHEN wants_calls THEN
                   replace(replace(replace((%(templates)s::text[])[3], '@IP', ip), '@SESSION', salts), '@AT', brief) END AS p3,
                 CASE WHEN confirmed_at IS NOT NULL THEN
                   replace(replace(replace(replace((%(templates)s::text[])[4], '@IP', ip), '@SESSION', salts), '@BORN', brief),
                     '@AT', to_char(confirmed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS') || '+00:00') END AS p4
            FROM (
              SELECT lead_id, created_at, wants_mail, wants_calls, confirmed_at, '203.0.113.' || (1 + n %% 254) AS ip,
                     encode(sha256(convert_to('demo:' || email, 'UTF8')), 'hex') AS salts,
                     to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS') || '+00:00' AS brief,
                     to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00' AS born
                FROM big_person WHERE is_valid OFFSET 0
            ) person OFFSET 0
        ) said OFFSET 0
    ) digested OFFSET 0) one OFFSET 0) two OFFSET 0) three OFFSET 0
  ) w
 CROSS JOIN LATERAL (VALUES
   (1, 'policy_accepted', '', '', created_at, salt1, p1, d1, repeat('0', 64), h1),
   (o2, 'given', %(mail)s, 'email', created_at, salt2, p2, d2, h1, h2),
   (o3, 'given', %(calls)s, %(calls_channel)s, created_at, salt3, p3, d3, h2, h3),
   (o4, 'confirmed', '', '', confirmed_at, salt4, p4, d4, h3, h4)
 ) AS a(ordinal, act, purpose, channel, at, salt, payload, digest, previous, hash)
 WHERE a.payload IS NOT NULL
