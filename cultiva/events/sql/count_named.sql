-- How many events of some names came since a day, stored or, without consent, only counted (those by the day in UTC).
SELECT name, sum(count)::bigint AS count
  FROM (SELECT name, count FROM event_day
         WHERE workspace_id = %(workspace)s AND day >= %(since)s AND name = ANY (%(names)s)
        UNION ALL
        SELECT name, count FROM event_uncovered
         WHERE workspace_id = %(workspace)s AND day >= %(since)s AND name = ANY (%(names)s)) counted
 GROUP BY name
