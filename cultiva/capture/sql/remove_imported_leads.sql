-- Leads that an undone import had made go from every list: their state, marks, scores and links are dropped, their keys
-- set free and their data emptied. The row itself stays, because the append-only evidence refers to it; so do opt-outs.
WITH marks AS (
  DELETE FROM consent_mark WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s)
), claims AS (
  -- Only this import told who their visitors are: whose visitor acted besides is a lead touched, and stays.
  DELETE FROM visitor_claim c USING visitor_link l
   WHERE c.workspace_id = %(workspace)s AND l.workspace_id = %(workspace)s AND l.lead_id = ANY (%(leads)s)
     AND c.visitor = l.visitor
), conflicts AS (
  DELETE FROM identity_conflict
   WHERE workspace_id = %(workspace)s
     AND event_id IN (SELECT id FROM event WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s))
), misfits AS (
  DELETE FROM attribute_misfit
   WHERE workspace_id = %(workspace)s AND subject = 'lead' AND subject_id = ANY (%(leads)s)
), links AS (
  DELETE FROM visitor_link WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s)
), addresses AS (
  DELETE FROM lead_address WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s)
), states AS (
  DELETE FROM consent_state WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s) AND state = 'given'
), scores AS (
  DELETE FROM score WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s)
), lists AS (
  DELETE FROM lead_state WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s)
)
UPDATE lead SET email = '', email_key = NULL, phone_key = NULL, external_id = NULL, company_id = NULL,
       attributes = '{}', folded = NULL, search_text = ''
 WHERE workspace_id = %(workspace)s AND id = ANY (%(leads)s)
