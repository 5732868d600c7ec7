-- How the codes of a magnet stand.
SELECT count(*) FILTER (WHERE grant_id IS NULL) AS waiting, count(*) FILTER (WHERE grant_id IS NOT NULL) AS given,
       count(*) FILTER (WHERE redeemed_at IS NOT NULL) AS redeemed,
       count(*) FILTER (WHERE redeemed_at IS NULL AND expires_at <= %(at)s) AS expired
  FROM discount_code WHERE workspace_id = %(workspace)s AND magnet = %(magnet)s
