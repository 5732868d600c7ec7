-- What it takes to undo the action on each of these leads, {lead: before} as %(before)s. They lie between %(first)s
-- and %(last)s: a range of the key is read, whatever the planner knows of a table that was filled just now.
UPDATE bulk_lead b SET before = given.before
  FROM (SELECT key::bigint AS lead_id, value AS before FROM jsonb_each(%(before)s::jsonb)) AS given
 WHERE b.workspace_id = %(workspace)s AND b.action_id = %(action)s AND b.lead_id = given.lead_id
   AND b.lead_id BETWEEN %(first)s AND %(last)s
