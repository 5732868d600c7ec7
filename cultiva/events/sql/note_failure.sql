-- Keep a failure: the first makes the row, one more try counts up. One that was set aside before stays so, and the
-- events that failed now join it.
INSERT INTO flow_failure AS f (workspace_id, stage, subject_id, event_ids, received_ats, is_passed_on, step, error, tries,
                               failed_at, next_try_at, set_aside_at)
VALUES (%(workspace)s, %(stage)s, %(subject)s, %(events)s::bigint[], %(received)s::timestamptz[], %(is_passed_on)s, %(step)s, %(error)s, 1, %(now)s,
        %(next)s, %(aside)s)
ON CONFLICT (workspace_id, stage, subject_id) DO UPDATE
   SET event_ids = f.event_ids || EXCLUDED.event_ids, received_ats = f.received_ats || EXCLUDED.received_ats,
       step = EXCLUDED.step, error = EXCLUDED.error, tries = f.tries + 1, failed_at = EXCLUDED.failed_at,
       next_try_at = CASE WHEN f.set_aside_at IS NULL THEN EXCLUDED.next_try_at END,
       set_aside_at = coalesce(f.set_aside_at, EXCLUDED.set_aside_at)
