-- Close the open hand-overs of `leads` whose lead has left the stage it was handed over for.
UPDATE hand_over h
   SET lapsed_at = %(at)s
  FROM stage_change c
 WHERE h.workspace_id = %(workspace)s AND h.lead_id = ANY (%(leads)s)
   AND h.accepted_at IS NULL AND h.rejected_at IS NULL AND h.lapsed_at IS NULL
   AND c.workspace_id = h.workspace_id AND c.id = h.stage_change_id
   AND (EXISTS (
     SELECT FROM lasting_stage_change later
      WHERE later.workspace_id = c.workspace_id AND later.lead_id = c.lead_id AND later.ordinal > c.ordinal
        AND later.by <> 'merge')
     OR h.lead_id <> c.lead_id AND NOT EXISTS ( -- it came with a merged lead, whose own record goes no further
       SELECT FROM lead_state s
        WHERE s.workspace_id = h.workspace_id AND s.lead_id = h.lead_id AND s.stage = c.to_stage))
