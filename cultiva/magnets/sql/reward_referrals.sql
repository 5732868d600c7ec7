-- Referrals whose lead is valid now and whose referrer gets something: marked once, with what and to whom.
UPDATE referral r SET rewarded_at = %(at)s
  FROM magnet_grant g
  JOIN lead l ON l.workspace_id = g.workspace_id AND l.id = g.lead_id
  CROSS JOIN LATERAL (
    SELECT coalesce(l.merged_into_id, l.id) AS id) referrer
  CROSS JOIN LATERAL (
    SELECT v.body -> 'settings' ->> 'reward' AS reward FROM magnet_version v
     WHERE v.workspace_id = g.workspace_id AND v.key = g.magnet ORDER BY v.version DESC LIMIT 1) offer
 WHERE r.workspace_id = %(workspace)s AND r.lead_id = ANY(%(leads)s::bigint[]) AND r.rewarded_at IS NULL
   AND g.workspace_id = r.workspace_id AND g.id = r.grant_id AND referrer.id <> r.lead_id
   AND EXISTS (SELECT FROM consent_mark m
                WHERE m.workspace_id = r.workspace_id AND m.lead_id = r.lead_id AND m.valid_since IS NOT NULL)
   AND EXISTS (SELECT FROM magnet_version w WHERE w.workspace_id = r.workspace_id AND w.key = offer.reward)
RETURNING r.id, referrer.id AS referrer_id, offer.reward
