-- What came of each campaign up to an instant. A touch is an act with `utm_campaign`, or a form of the campaign that was
-- sent. A person counts for the campaign of their first or of their last touch (`is_first`); of what they did, what
-- followed their first touch by that campaign counts.
-- Output: key, visitors, leads, valid, qualified, customers, value (in the campaign's currency, less refunds).
WITH touch AS MATERIALIZED (
  SELECT lower(e.context #>> '{campaign,name}') AS campaign, e.occurred_at AS at, e.id,
         coalesce(a.lead_id, e.lead_id, v.lead_id) AS lead_id, e.visitor
    FROM event e
    LEFT JOIN lead_alias a ON a.workspace_id = e.workspace_id AND a.merged_id = e.lead_id
    LEFT JOIN visitor_link v ON v.workspace_id = e.workspace_id AND v.visitor = e.visitor AND e.lead_id IS NULL
   WHERE e.workspace_id = %(workspace)s AND (e.context #>> '{campaign,name}') IS NOT NULL
     AND e.actor <> 'machine' AND e.occurred_at <= %(at)s
  UNION ALL
  SELECT c.key, s.received_at, s.id, s.lead_id, NULL
    FROM campaign_member m
    JOIN campaign c ON c.workspace_id = m.workspace_id AND c.id = m.campaign_id
    JOIN form_version f ON f.workspace_id = m.workspace_id AND f.key = m.key
    JOIN submission s ON s.workspace_id = f.workspace_id AND s.form_id = f.id
   WHERE m.workspace_id = %(workspace)s AND m.kind = 'form' AND s.received_at <= %(at)s
), chosen AS (
  SELECT DISTINCT ON (t.lead_id, anonymous) t.campaign, t.lead_id, anonymous
    FROM touch t, LATERAL (SELECT CASE WHEN t.lead_id IS NULL THEN t.visitor END) AS who (anonymous)
   WHERE t.lead_id IS NOT NULL OR t.visitor IS NOT NULL
   ORDER BY t.lead_id, anonymous, CASE WHEN %(is_first)s THEN extract(epoch FROM t.at) ELSE -extract(epoch FROM t.at) END,
            CASE WHEN %(is_first)s THEN t.id ELSE -t.id END
), reached AS (
  SELECT campaign, lead_id, min(at) AS since FROM touch WHERE lead_id IS NOT NULL GROUP BY campaign, lead_id
), person AS MATERIALIZED (
  SELECT c.id AS campaign_id, c.currency, h.lead_id, r.since
    FROM chosen h
    JOIN campaign c ON c.workspace_id = %(workspace)s AND c.key = h.campaign
    LEFT JOIN reached r ON r.campaign = h.campaign AND r.lead_id = h.lead_id
), sold AS (
  SELECT p.campaign_id, p.lead_id,
         sum(o.value - o.refunded) FILTER (WHERE o.currency = p.currency) AS value
    FROM person p JOIN conversion o ON o.workspace_id = %(workspace)s AND o.lead_id = p.lead_id
   WHERE o.kind IN ('order', 'subscription') AND o.cancelled_at IS NULL AND o.started_at >= p.since
     AND o.started_at <= %(at)s
   GROUP BY p.campaign_id, p.lead_id
), moved AS (
  SELECT p.lead_id, bool_or(s.to_stage IN ('customer', 'service_qualified')) AS is_customer
    FROM person p JOIN stage_change s ON s.workspace_id = %(workspace)s AND s.lead_id = p.lead_id
   WHERE s.to_stage IN ('marketing_qualified', 'sales_qualified', 'opportunity', 'customer', 'service_qualified')
     AND s.at >= p.since AND s.at <= %(at)s
   GROUP BY p.lead_id
)
SELECT c.key, count(p.campaign_id) AS visitors,
       count(*) FILTER (WHERE l.created_at >= p.since) AS leads,
       count(*) FILTER (WHERE k.valid_since >= p.since AND k.valid_since <= %(at)s) AS valid,
       count(*) FILTER (WHERE moved.lead_id IS NOT NULL OR sold.lead_id IS NOT NULL) AS qualified,
       count(*) FILTER (WHERE moved.is_customer OR sold.lead_id IS NOT NULL) AS customers,
       coalesce(sum(sold.value), 0) AS value
  FROM campaign c
  LEFT JOIN person p ON p.campaign_id = c.id
  LEFT JOIN lead l ON l.workspace_id = c.workspace_id AND l.id = p.lead_id
  LEFT JOIN consent_mark k ON k.workspace_id = c.workspace_id AND k.lead_id = p.lead_id
  LEFT JOIN sold ON sold.campaign_id = p.campaign_id AND sold.lead_id = p.lead_id
  LEFT JOIN moved ON moved.lead_id = p.lead_id
 WHERE c.workspace_id = %(workspace)s
 GROUP BY c.key
 ORDER BY c.key
