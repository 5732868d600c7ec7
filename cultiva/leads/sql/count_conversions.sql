-- Orders, subscriptions and checkouts of leads, computed anew from the ledger: never adjusted by what is new, so that
-- doubles, late and reordered events all come out the same. docs/reference/commerce.md states the rules.
-- The names are those of the indexes event_sold_to_visitor and event_sold_to_lead.
WITH told AS MATERIALIZED (
  SELECT e.lead_id, e.id, e.name, e.occurred_at AS at,
         CASE WHEN left(e.name, 12) = 'Subscription' THEN 'subscription'
              WHEN e.name = 'Checkout Started' THEN 'checkout' ELSE 'order' END AS kind,
         amount_of(e.properties) AS amount,
         CASE WHEN e.properties ->> 'currency' ~* '^[a-z]{3}$' THEN upper(e.properties ->> 'currency') ELSE '' END AS currency,
         nullif(left(btrim(e.properties ->> 'order_id'), 190), '') AS order_id,
         nullif(left(btrim(e.properties ->> 'checkout_id'), 190), '') AS checkout_id,
         nullif(left(btrim(e.properties ->> 'subscription_id'), 190), '') AS subscription_id,
         coalesce(nullif(btrim(e.properties ->> 'refund_id'), ''), 'event:' || e.id) AS refund
    FROM lead_event e
   WHERE e.workspace_id = %(workspace)s AND e.lead_id = ANY (%(leads)s::bigint[]) AND e.actor <> 'machine'
     AND e.kind = 'track' AND e.name IN ('Checkout Started', 'Order Completed', 'Order Updated', 'Order Refunded',
       'Order Cancelled', 'Subscription Started', 'Subscription Renewed', 'Subscription Cancelled')
), keyed AS MATERIALIZED (
  SELECT *, name IN ('Order Completed', 'Order Updated', 'Checkout Started', 'Subscription Started',
                     'Subscription Renewed') AS is_sale,
         CASE kind WHEN 'order' THEN coalesce(order_id, CASE WHEN name = 'Order Completed' THEN 'event:' || id END)
                   WHEN 'checkout' THEN coalesce(checkout_id, order_id, 'event:' || id)
                   ELSE coalesce(subscription_id, '') END AS key
    FROM told
), grouped AS (
  SELECT lead_id, kind, key,
         bool_or(is_sale) AS is_known,
         (array_agg(amount ORDER BY at DESC, id DESC) FILTER (WHERE is_sale AND amount IS NOT NULL))[1] AS last_amount,
         coalesce((array_agg(currency ORDER BY at DESC, id DESC)
                   FILTER (WHERE is_sale AND amount IS NOT NULL))[1], '') AS currency,
         coalesce(min(at) FILTER (WHERE is_sale), min(at)) AS started_at,
         max(at) FILTER (WHERE is_sale) AS stood_at,
         max(at) FILTER (WHERE name IN ('Order Cancelled', 'Subscription Cancelled')) AS cancelled_at,
         max(at) AS changed_at,
         (array_agg(id ORDER BY at DESC, id DESC))[1] AS last_event_id
    FROM keyed WHERE key IS NOT NULL
   GROUP BY lead_id, kind, key
), paid AS (
  SELECT k.lead_id, k.key, sum(greatest(k.amount, 0)) AS amount
    FROM keyed k JOIN grouped g ON g.lead_id = k.lead_id AND g.kind = k.kind AND g.key = k.key
   WHERE k.kind = 'subscription' AND k.is_sale AND k.currency = g.currency
   GROUP BY k.lead_id, k.key
), refund AS (
  SELECT DISTINCT ON (lead_id, key, refund) lead_id, key, amount, currency
    FROM keyed WHERE name = 'Order Refunded' AND key IS NOT NULL
   ORDER BY lead_id, key, refund, at DESC, id DESC
), given_back AS (
  SELECT r.lead_id, r.key, bool_or(r.amount IS NULL) AS is_whole,
         coalesce(sum(abs(r.amount)) FILTER (WHERE '' IN (r.currency, g.currency) OR r.currency = g.currency), 0) AS amount
    FROM refund r JOIN grouped g ON g.kind = 'order' AND g.lead_id = r.lead_id AND g.key = r.key
   GROUP BY r.lead_id, r.key
), valued AS (
  SELECT g.*, CASE WHEN g.is_known THEN
                greatest(coalesce(CASE g.kind WHEN 'subscription' THEN p.amount ELSE g.last_amount END, 0), 0) END AS value
    FROM grouped g
    LEFT JOIN paid p ON g.kind = 'subscription' AND p.lead_id = g.lead_id AND p.key = g.key
), computed AS MATERIALIZED (
  SELECT v.lead_id, v.kind, v.key, v.value, v.currency, v.started_at, v.changed_at, v.last_event_id,
         CASE WHEN v.cancelled_at >= coalesce(v.stood_at, v.cancelled_at) THEN v.cancelled_at END AS cancelled_at,
         CASE WHEN v.kind <> 'order' OR b.lead_id IS NULL THEN 0
              WHEN b.is_whole THEN coalesce(v.value, b.amount)
              ELSE least(b.amount, coalesce(v.value, b.amount)) END AS refunded
    FROM valued v LEFT JOIN given_back b ON v.kind = 'order' AND b.lead_id = v.lead_id AND b.key = v.key
), removed AS (
  DELETE FROM conversion c
   WHERE c.workspace_id = %(workspace)s AND c.lead_id = ANY (%(leads)s::bigint[])
     AND NOT EXISTS (SELECT FROM computed n WHERE n.lead_id = c.lead_id AND n.kind = c.kind AND n.key = c.key)
), stored AS (
  INSERT INTO conversion AS c (workspace_id, lead_id, kind, key, value, currency, refunded, started_at, changed_at,
                               cancelled_at, last_event_id)
  SELECT %(workspace)s, lead_id, kind, key, value, currency, refunded, started_at, changed_at, cancelled_at, last_event_id
    FROM computed ORDER BY lead_id, kind, key
  ON CONFLICT (workspace_id, lead_id, kind, key) DO UPDATE
     SET value = excluded.value, currency = excluded.currency, refunded = excluded.refunded,
         started_at = excluded.started_at, changed_at = excluded.changed_at, cancelled_at = excluded.cancelled_at,
         last_event_id = excluded.last_event_id
   WHERE (c.value, c.currency, c.refunded, c.started_at, c.changed_at, c.cancelled_at, c.last_event_id)
         IS DISTINCT FROM (excluded.value, excluded.currency, excluded.refunded, excluded.started_at,
                           excluded.changed_at, excluded.cancelled_at, excluded.last_event_id)
), counted AS (
  -- What was paid for a subscription stays paid when it is cancelled; a cancelled order is worth nothing.
  SELECT lead_id, kind, currency, started_at, cancelled_at IS NULL AS is_standing,
         CASE WHEN kind = 'subscription' OR cancelled_at IS NULL THEN value - refunded ELSE 0 END AS net
    FROM computed WHERE kind <> 'checkout' AND value IS NOT NULL
), money AS (
  SELECT lead_id, jsonb_object_agg(currency, net) AS value
    FROM (SELECT lead_id, currency, trim_scale(sum(net)) AS net FROM counted GROUP BY lead_id, currency) each
   GROUP BY lead_id
), summed AS (
  SELECT lead_id, count(*) FILTER (WHERE kind = 'order' AND is_standing) AS orders,
         count(*) FILTER (WHERE kind = 'subscription' AND is_standing) AS subscriptions,
         min(started_at) FILTER (WHERE kind = 'subscription' OR is_standing) AS first_at,
         max(started_at) FILTER (WHERE kind = 'subscription' OR is_standing) AS last_at
    FROM counted GROUP BY lead_id
), forgotten AS (
  DELETE FROM lead_value v
   WHERE v.workspace_id = %(workspace)s AND v.lead_id = ANY (%(leads)s::bigint[])
     AND NOT EXISTS (SELECT FROM summed s WHERE s.lead_id = v.lead_id)
)
INSERT INTO lead_value AS v (workspace_id, lead_id, orders, subscriptions, value, first_at, last_at)
SELECT %(workspace)s, s.lead_id, s.orders, s.subscriptions, m.value, s.first_at, s.last_at
  FROM summed s JOIN money m ON m.lead_id = s.lead_id ORDER BY s.lead_id
ON CONFLICT (lead_id) DO UPDATE
   SET orders = excluded.orders, subscriptions = excluded.subscriptions, value = excluded.value,
       first_at = excluded.first_at, last_at = excluded.last_at
 WHERE (v.orders, v.subscriptions, v.value, v.first_at, v.last_at)
       IS DISTINCT FROM (excluded.orders, excluded.subscriptions, excluded.value, excluded.first_at, excluded.last_at)
