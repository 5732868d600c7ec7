-- Empty what was written in a person's requests, and where they were to be answered.
WITH theirs AS (
  UPDATE privacy_request SET contact = ''
   WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
  RETURNING id
), emptied AS (
  UPDATE privacy_text w SET text = '', file_name = '', content = NULL
    FROM privacy_step s
   WHERE w.workspace_id = %(workspace)s AND s.workspace_id = %(workspace)s AND s.id = w.step_id
     AND s.request_id IN (SELECT id FROM theirs)
)
SELECT count(*) AS requests FROM theirs
