-- Of two trips through one workflow at once, the one that has passed more nodes goes on, else the older one: nobody
-- gets a mail of it twice.
UPDATE enrolment trip SET exited_at = %(at)s, exit_reason = 'merged'
  FROM (SELECT id, row_number() OVER (
                 PARTITION BY workflow
                 ORDER BY (SELECT count(*) FROM jsonb_object_keys(trail)) DESC, entered_at, id) AS place
          FROM enrolment
         WHERE workspace_id = %(workspace)s AND lead_id = %(kept)s AND exited_at IS NULL) inside
 WHERE trip.workspace_id = %(workspace)s AND trip.id = inside.id AND inside.place > 1
