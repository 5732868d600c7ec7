-- The same leads each time: a number that jumps while nobody changes anything is not believed.
SELECT lead_id FROM lead_state TABLESAMPLE BERNOULLI (%(percent)s) REPEATABLE (7)
 WHERE workspace_id = %(workspace)s ORDER BY lead_id
