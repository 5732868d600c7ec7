-- What a workspace says of values that leave it out, and what some of its attributes are: a row each, at least one.
SELECT w.time_zone, w.language, a.key, a.type, a.choices
  FROM workspace w
  LEFT JOIN attribute a ON a.workspace_id = w.id AND a.subject = 'lead' AND a.key = ANY (%(keys)s)
 WHERE w.id = %(workspace)s
