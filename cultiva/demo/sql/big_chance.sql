-- A number from 0 to below 1 that two whole numbers decide: the same every time, in any order of asking.
CREATE OR REPLACE FUNCTION pg_temp.chance(n bigint, k bigint) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
  SELECT ((hashint8extended(n, k) >> 11) & 9007199254740991)::float8 / 9007199254740992
$body$
